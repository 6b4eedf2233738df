"""The billing routes."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from jazzaam.control.billing import service
from jazzaam.control.billing.schemas import BillingQuery, BillPage
from jazzaam.control.dependencies import COMPANY_ERRORS, SIGNED_IN, CompanyMember, Plane
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.web.json import json_response
from jazzaam.web.problems import documented

router = APIRouter(prefix="/company", tags=["company"], dependencies=SIGNED_IN)


@router.get(
    "/billing-history",
    summary="Read what was billed",
    openapi_extra=needs(Permission.billing_read),
    response_model=BillPage,
    responses=documented(*COMPANY_ERRORS),
)
async def billing_history(
    query: Annotated[BillingQuery, Query()], member: CompanyMember, plane: Plane
) -> Response:
    """List what the company was billed, the newest first."""
    items, after = await service.billing_history(plane, member, query.limit, query.after)
    return json_response({"items": items, "next": after})
