"""What each role may do: one table."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """Something a member may be allowed to do in their company."""

    company_read = "company:read"
    company_write = "company:write"
    company_delete = "company:delete"
    company_export = "company:export"
    """Everything of the company in one file, also what its members deleted, and its forms' tokens."""
    team_invite = "team:invite"
    team_remove = "team:remove"
    team_manage = "team:manage"
    leads_read = "leads:read"
    leads_write = "leads:write"
    leads_delete = "leads:delete"
    leads_export = "leads:export"
    forms_read = "forms:read"
    forms_write = "forms:write"
    forms_delete = "forms:delete"
    settings_read = "settings:read"
    settings_write = "settings:write"
    billing_read = "billing:read"
    billing_write = "billing:write"
    crm_read = "crm:read"
    crm_write = "crm:write"
    analytics_read = "analytics:read"
    forms_submit = "forms:submit"
    """What a visitor's form token grants, and no role has."""


class Role(StrEnum):
    """A member's role."""

    owner = "owner"
    admin = "admin"
    member = "member"
    viewer = "viewer"


_EVERYTHING: Final = frozenset(Permission) - {Permission.forms_submit}
_VIEWER: Final = frozenset(
    {
        Permission.company_read,
        Permission.leads_read,
        Permission.forms_read,
        Permission.analytics_read,
    }
)
PERMISSIONS: Final = {
    Role.owner: _EVERYTHING,
    Role.admin: _EVERYTHING - {Permission.billing_write, Permission.company_delete},
    Role.member: _VIEWER | {Permission.leads_write, Permission.forms_write, Permission.settings_read},
    Role.viewer: _VIEWER,
}
"""The matrix: the original's, with *admin* as an owner without payment and without the end."""

KEY_SCOPES: Final = _EVERYTHING - {
    Permission.company_delete,
    Permission.team_invite,
    Permission.team_remove,
    Permission.team_manage,
    Permission.billing_write,
}
"""What an API key can be given: nothing with which it could give itself more."""

SUPPORT: Final = _VIEWER | {Permission.settings_read}
"""What a company's grant lets a platform admin do there: look, and carry nothing away."""
