"""The contact form's route."""

from fastapi import APIRouter, Request, Response

from jazzaam.control.contact import service
from jazzaam.control.contact.schemas import ContactMessage
from jazzaam.control.contact.service import NewMessage
from jazzaam.control.dependencies import PlaneOnceForAnybody, spend_message
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.requests import IDEMPOTENT
from jazzaam.errors import TooManyRequests
from jazzaam.web.problems import documented

router = APIRouter(prefix="/contact", tags=["platform"])


@router.post(
    "",
    status_code=202,
    response_class=Response,
    summary="Write to who runs the platform",
    dependencies=[IDEMPOTENT],
    openapi_extra=needs(Access.nothing),
    responses=documented(TooManyRequests),
)
async def write(request: Request, body: ContactMessage, plane: PlaneOnceForAnybody) -> Response:
    """Leave a message; it is kept, and mailed to who runs the platform."""
    await spend_message(request)
    await service.receive(plane, NewMessage(body.full_name, body.email, body.company_name, body.message))
    return Response(status_code=202)
