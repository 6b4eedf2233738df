"""The rules of the service catalogue: read by whoever is signed in, kept by who runs the platform."""

from typing import Any, cast

from bson import ObjectId

from jazzaam.control.catalogue.errors import ServiceNotFound
from jazzaam.control.catalogue.repository import CatalogueRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.tenancy.database import Document


async def list_services(plane: ControlPlane) -> list[Document]:
    """List the services, by name."""
    return [_shown(row) for row in await CatalogueRepository(plane.db).all()]


async def get_service(plane: ControlPlane, service_id: ObjectId) -> Document:
    """Read one; raises `ServiceNotFound`."""
    row = await CatalogueRepository(plane.db).get(service_id)
    if row is None:
        raise ServiceNotFound
    return _shown(row)


def _shown(row: Document) -> Document:
    """Give a row as it is shown; the original let anything stand among the parts."""
    found: object = row.get("sub_services")
    parts = cast("list[Any]", found) if isinstance(found, list) else []
    return {
        "id": row["_id"],
        "label": str(row.get("label") or ""),
        "subServices": [part for part in parts if isinstance(part, str)],
    }
