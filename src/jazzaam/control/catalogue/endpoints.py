"""The service catalogue's routes."""

from bson import ObjectId
from fastapi import APIRouter, Depends, Response

from jazzaam.control.catalogue import service
from jazzaam.control.catalogue.errors import ServiceNotFound
from jazzaam.control.catalogue.schemas import Service, ServiceList
from jazzaam.control.dependencies import IN_PERSON, PERSON_ERRORS, Plane, current_principal
from jazzaam.control.memberships.access import Access, needs
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented

router = APIRouter(
    prefix="/services", tags=["company"], dependencies=[*IN_PERSON, Depends(current_principal)]
)


@router.get(
    "",
    summary="List the service catalogue",
    openapi_extra=needs(Access.session),
    response_model=ServiceList,
    responses=documented(*PERSON_ERRORS),
)
async def list_services(plane: Plane) -> Response:
    """List the services a company can say it offers, by name."""
    return json_response({"items": await service.list_services(plane)})


@router.get(
    "/{serviceId}",
    summary="Read a service",
    openapi_extra=needs(Access.session),
    response_model=Service,
    responses=documented(*PERSON_ERRORS, ServiceNotFound),
)
async def get_service(serviceId: IdInPath, plane: Plane) -> Response:  # noqa: N803 - named on the wire
    """Read one service of the catalogue."""
    return json_response(await service.get_service(plane, ObjectId(serviceId)))
