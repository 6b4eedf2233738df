"""The API key routes; a key itself reaches only the list."""

from bson import ObjectId
from fastapi import APIRouter, Request, Response

from jazzaam.control.accounts.errors import ConfirmationNeeded, NotAPerson
from jazzaam.control.api_keys import service
from jazzaam.control.api_keys.errors import ApiKeyNotFound, TooManyApiKeys
from jazzaam.control.api_keys.schemas import ApiKeyCreate, ApiKeyList, ApiKeyMade
from jazzaam.control.api_keys.service import NewApiKey
from jazzaam.control.dependencies import (
    COMPANY_ERRORS,
    IN_PERSON,
    SIGNED_IN,
    CompanyMember,
    CompanyPerson,
    Plane,
    require_confirmed,
)
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/api-keys", tags=["api keys"])


@router.get(
    "",
    summary="List API keys",
    dependencies=SIGNED_IN,
    openapi_extra=needs(Permission.settings_read),
    response_model=ApiKeyList,
    responses=documented(*COMPANY_ERRORS),
)
async def list_keys(member: CompanyMember, plane: Plane) -> Response:
    """List the company's keys by name and first characters, the newest first."""
    return json_response({"items": [resource(row) for row in await service.list_keys(plane, member)]})


@router.post(
    "",
    status_code=201,
    summary="Make an API key",
    dependencies=IN_PERSON,
    openapi_extra=needs(Permission.settings_write),
    response_model=ApiKeyMade,
    responses=documented(*COMPANY_ERRORS, NotAPerson, ConfirmationNeeded, TooManyApiKeys),
)
async def create_key(request: Request, body: ApiKeyCreate, member: CompanyPerson, plane: Plane) -> Response:
    """Make a key that can do what its scopes name, for as long as who makes it may; it is shown once."""
    await require_confirmed(request, Permission.settings_write)
    new = NewApiKey(body.name, frozenset(body.scopes), body.expires_at)
    row, key = await service.create_key(plane, member, new)
    return json_response({**resource(row), "key": key}, 201)


@router.delete(
    "/{keyId}",
    status_code=204,
    summary="Revoke an API key",
    dependencies=IN_PERSON,
    openapi_extra=needs(Permission.settings_write),
    responses=documented(*COMPANY_ERRORS, NotAPerson, ApiKeyNotFound),
)
async def delete_key(keyId: IdInPath, member: CompanyPerson, plane: Plane) -> None:  # noqa: N803 - named on the wire
    """Revoke a key; it is refused everywhere within a second."""
    await service.delete_key(plane, member, ObjectId(keyId))
