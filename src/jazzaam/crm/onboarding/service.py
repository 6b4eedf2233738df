"""The rules of onboarding."""

import contextlib
from typing import Final

from jazzaam.control.companies.service import change_profile
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.plane import ControlPlane
from jazzaam.crm.forms.errors import FormExists
from jazzaam.crm.forms.models import FormType
from jazzaam.crm.forms.service import create_platform_form
from jazzaam.crm.onboarding.schemas import Onboarding
from jazzaam.crm.workspace import Workspace
from jazzaam.tenancy.database import Document

_PLATFORMS: Final = (FormType.linkedin, FormType.meta, FormType.twitter, FormType.instagram)


async def onboard(plane: ControlPlane, workspace: Workspace, told: Onboarding) -> Document:
    """Make the platforms' forms that are missing, then keep the profile; gives the company.

    Safe to repeat: what is there stays. Raises `Forbidden`, or `LimitReached` for too many forms.
    """
    workspace.member.require(Permission.company_write)
    for platform in _PLATFORMS:
        with contextlib.suppress(FormExists):
            await create_platform_form(workspace.for_several_changes(), platform)
    profile = {
        "companyName": told.company_name,
        "description": told.description,
        "companyServiceType": told.service,
        "companySubServices": told.sub_services,
        "companyOnboarding": True,
    }
    return await change_profile(plane, workspace.member, profile, None)
