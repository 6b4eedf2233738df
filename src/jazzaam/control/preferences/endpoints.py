"""The routes of a member's preferences."""

from fastapi import APIRouter

from jazzaam.control.accounts.errors import NotAPerson
from jazzaam.control.dependencies import COMPANY_ERRORS, IN_PERSON, CompanyPerson, Plane
from jazzaam.control.memberships.access import Access, needs
from jazzaam.control.preferences import service
from jazzaam.control.preferences.schemas import InApp, Preferences, PreferencesChange
from jazzaam.web.problems import documented

router = APIRouter(prefix="/me/notification-preferences", tags=["accounts"], dependencies=IN_PERSON)


@router.get(
    "",
    summary="What am I told of?",
    openapi_extra=needs(Access.session),
    responses=documented(*COMPANY_ERRORS, NotAPerson),
)
async def preferences(member: CompanyPerson, plane: Plane) -> Preferences:
    """Read which notifications are shown to me in the present company."""
    return Preferences(in_app=InApp.model_validate(await service.preferences(plane, member)))


@router.patch(
    "",
    summary="Change what I am told of",
    openapi_extra=needs(Access.session),
    responses=documented(*COMPANY_ERRORS, NotAPerson),
)
async def change_preferences(body: PreferencesChange, member: CompanyPerson, plane: Plane) -> Preferences:
    """Show kinds of notifications, or show them no more: to me alone, in the present company."""
    named = body.in_app.model_dump(by_alias=True, exclude_none=True)
    shown = await service.change_preferences(plane, member, named)
    return Preferences(in_app=InApp.model_validate(shown))
