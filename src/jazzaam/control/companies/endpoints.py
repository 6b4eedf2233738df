"""The company's routes."""

from typing import Any, cast

from fastapi import APIRouter, Response

from jazzaam.control.companies import service
from jazzaam.control.companies.errors import CompanyChanged
from jazzaam.control.companies.schemas import Company, CompanyPatch, CompanySettings, SettingsPatch
from jazzaam.control.dependencies import COMPANY_ERRORS, SIGNED_IN, CompanyMember, Plane
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.errors import FieldError, InvalidInput
from jazzaam.tenancy.database import Document
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented
from jazzaam.web.revision import RequiredRevision, etag

router = APIRouter(prefix="/company", tags=["company"], dependencies=SIGNED_IN)


@router.get(
    "",
    summary="Read the company",
    openapi_extra=needs(Permission.company_read),
    response_model=Company,
    responses=documented(*COMPANY_ERRORS),
)
async def get_company(member: CompanyMember, plane: Plane) -> Response:
    """Read the company's profile and settings."""
    return _shown(await service.get_company(plane, member))


@router.patch(
    "",
    summary="Change the company's profile",
    openapi_extra=needs(Permission.company_write),
    response_model=Company,
    responses=documented(*COMPANY_ERRORS, CompanyChanged),
)
async def change_profile(
    body: CompanyPatch, revision: RequiredRevision, member: CompanyMember, plane: Plane
) -> Response:
    """Change the fields that are named; `null` removes one."""
    named = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if named.get("companyName", "") is None:
        raise InvalidInput([FieldError("/companyName", "missing", "cannot be removed")])
    person = named.get("contactPerson")
    if person is not None:
        del named["contactPerson"]
        named |= {f"contactPerson.{name}": value for name, value in person.items()}
    return _shown(await service.change_profile(plane, member, named, revision))


@router.patch(
    "/settings",
    summary="Change the company's settings",
    openapi_extra=needs(Permission.settings_write),
    response_model=Company,
    responses=documented(*COMPANY_ERRORS, CompanyChanged),
)
async def change_settings(
    body: SettingsPatch, revision: RequiredRevision, member: CompanyMember, plane: Plane
) -> Response:
    """Change the settings that are named."""
    named = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _shown(await service.change_settings(plane, member, named, revision))


def _shown(row: Document) -> Response:
    """Show a company, with what holds where it has decided nothing, or another system left nonsense."""
    known: dict[str, Any] = {**row, "id": str(row["_id"]), "settings": _settings(row.get("settings"))}
    body = Company.model_validate({name: value for name, value in known.items() if value is not None})
    return json_response(body.model_dump(mode="json", by_alias=True), headers={"ETag": etag(body.revision)})


def _settings(stored: object) -> dict[str, Any]:
    given = cast("dict[str, Any]", stored) if isinstance(stored, dict) else {}
    usual = CompanySettings().model_dump(mode="json", by_alias=True)
    return {
        name: given[name] if isinstance(given.get(name), type(default)) else default
        for name, default in usual.items()
    }
