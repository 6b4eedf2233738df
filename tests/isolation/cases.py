"""How each route of a company is called: one table for all tests that walk the routes.

A case has the thing that the path names, known to exist in Acme, and a body that is valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image
from tests.conftest import PASSWORD


@dataclass(frozen=True)
class Case:
    """A call. `kind` is what it does: `thing` names one by id, `list` shows many, `write` makes one,
    `own` is about the company itself."""

    kind: str
    thing: str | None = None
    body: Any = None
    status: int = 200
    content: bytes | None = None

    def call(self, headers: dict[str, str]) -> dict[str, Any]:
        """What is sent: a body as JSON, or a picture, and the caller's headers."""
        if self.content is None:
            return {"json": self.body, "headers": headers}
        return {"content": self.content, "headers": {**headers, "Content-Type": "image/png"}}


def _pixel() -> bytes:
    out = BytesIO()
    Image.new("RGB", (1, 1)).save(out, "PNG")
    return out.getvalue()


PIXEL = _pixel()
CASES: dict[tuple[str, str], Case] = {
    ("get", "/api/v1/leads/{leadId}"): Case("thing", "lead"),
    ("patch", "/api/v1/leads/{leadId}"): Case("thing", "lead", {"notes": "changed"}),
    ("delete", "/api/v1/leads/{leadId}"): Case("thing", "lead", status=204),
    ("get", "/api/v1/forms/{formId}"): Case("thing", "form"),
    ("get", "/api/v1/forms/{formId}/embed"): Case("thing", "form"),
    ("get", "/api/v1/submissions"): Case("thing", "lead"),
    ("get", "/api/v1/jobs/{jobId}"): Case("thing", "job"),
    ("post", "/api/v1/notifications/{notificationId}/read"): Case("thing", "notification", status=204),
    ("patch", "/api/v1/members/{accountId}"): Case("thing", "member", {"assignedLeadsType": "hot"}),
    ("delete", "/api/v1/members/{accountId}"): Case("thing", "member", status=204),
    ("delete", "/api/v1/invitations/{invitationId}"): Case("thing", "invitation", status=204),
    ("delete", "/api/v1/api-keys/{keyId}"): Case("thing", "key", status=204),
    ("delete", "/api/v1/company/support-grants/{grantId}"): Case("thing", "grant", status=204),
    ("get", "/api/v1/leads"): Case("list", "lead"),
    ("get", "/api/v1/forms"): Case("list", "form"),
    ("get", "/api/v1/notifications"): Case("list", "notification"),
    ("get", "/api/v1/members"): Case("list", "member"),
    ("get", "/api/v1/invitations"): Case("list", "invitation"),
    ("get", "/api/v1/api-keys"): Case("list", "key"),
    ("get", "/api/v1/audit-log"): Case("list", "entry"),
    ("get", "/api/v1/company/support-grants"): Case("list", "grant"),
    ("get", "/api/v1/company/billing-history"): Case("list", "bill"),
    ("get", "/api/v1/crm-integrations"): Case("list", "connection"),
    ("get", "/api/v1/company/exports"): Case("list", "export"),
    ("get", "/api/v1/company/exports/{exportId}/file"): Case("thing", "export"),
    ("get", "/api/v1/company/logo"): Case("own"),
    ("put", "/api/v1/company/logo"): Case("own", content=PIXEL),
    ("get", "/api/v1/company/usage"): Case("own"),
    ("get", "/api/v1/company/dashboard"): Case("own"),
    ("get", "/api/v1/company"): Case("own"),
    ("patch", "/api/v1/company"): Case("own", body={"industry": "Energy"}),
    ("patch", "/api/v1/company/settings"): Case("own", body={"timezone": "Asia/Tokyo"}),
    ("post", "/api/v1/company/onboarding"): Case(
        "own",
        body={
            "companyName": "Onboarded",
            "description": "We do things",
            "service": "Consulting",
            "subServices": ["Strategy"],
        },
    ),
    ("post", "/api/v1/company/exports"): Case("own", status=202),
    ("delete", "/api/v1/company/logo"): Case("own", status=204),
    ("delete", "/api/v1/company"): Case("own", body={"password": PASSWORD}, status=202),
    ("post", "/api/v1/leads"): Case("write", body={"fullName": "Written by Globex"}, status=201),
    ("post", "/api/v1/forms"): Case(
        "write",
        body={
            "name": "Form of Globex",
            "fields": [{"name": "email", "type": "email", "label": "E-mail"}],
        },
        status=201,
    ),
    ("post", "/api/v1/forms/platforms/{platform}"): Case("write", status=201),
    ("post", "/api/v1/invitations"): Case(
        "write", body={"email": "somebody@globex.example", "role": "member"}, status=201
    ),
    ("post", "/api/v1/api-keys"): Case("write", body={"name": "k", "scopes": ["leads:read"]}, status=201),
    ("post", "/api/v1/company/support-grants"): Case("write", body={"reason": "A look"}, status=201),
}
"""Every route that acts in a company."""

ENDS = {
    ("post", "/api/v1/company/onboarding"),
    ("delete", "/api/v1/company/logo"),
    ("delete", "/api/v1/company"),
}
"""What takes something away from the other calls comes after them, the end of the company last."""


def in_order(routes: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put what takes something away after what needs it."""
    last = ("delete", "/api/v1/company")
    return sorted(routes, key=lambda one: (one == last, one in ENDS, one[0] == "delete", one[::-1]))


def of_kind(kind: str) -> list[tuple[str, str]]:
    """List the routes of a kind, in an order in which all can be called."""
    return in_order(route for route, case in CASES.items() if case.kind == kind)


IN_PERSON = {
    (method, path)
    for method, path in CASES
    if path.startswith(("/api/v1/members/", "/api/v1/invitations", "/api/v1/company/support-grants"))
    or (path.startswith("/api/v1/api-keys") and method != "get")
    or (method, path) in {("post", "/api/v1/company/onboarding"), ("delete", "/api/v1/company")}
}
"""Routes that hand out power, or begin or end a company: an API key cannot call them."""

OF_THE_CALLER = {
    ("post", "/api/v1/auth/logout"),
    ("post", "/api/v1/auth/logout-all"),
    ("get", "/api/v1/auth/sessions"),
    ("delete", "/api/v1/auth/sessions/{sessionId}"),
    ("post", "/api/v1/auth/switch-company"),
    ("post", "/api/v1/auth/confirm"),
    ("post", "/api/v1/auth/change-password"),
    ("post", "/api/v1/auth/totp"),
    ("post", "/api/v1/auth/totp/confirm"),
    ("delete", "/api/v1/auth/totp"),
    ("post", "/api/v1/auth/totp/recovery-codes"),
    ("get", "/api/v1/me"),
    ("patch", "/api/v1/me"),
    ("post", "/api/v1/companies"),
    ("get", "/api/v1/me/notification-preferences"),
    ("patch", "/api/v1/me/notification-preferences"),
    ("get", "/api/v1/me/identities"),
    ("delete", "/api/v1/me/identities/{identityId}"),
    ("get", "/api/v1/services"),
    ("get", "/api/v1/services/{serviceId}"),
    ("post", "/api/v1/company/restore"),
}
"""Routes that act on the caller's own account; `tests/control` proves each."""

OF_ADMINS = {
    ("get", "/api/v1/admin/tenants"),
    ("get", "/api/v1/admin/tenants/{companyId}"),
    ("post", "/api/v1/admin/tenants/{companyId}/enter"),
    ("get", "/api/v1/admin/waitlist"),
    ("get", "/api/v1/admin/waitlist/stats"),
    ("patch", "/api/v1/admin/waitlist/{entryId}"),
    ("delete", "/api/v1/admin/waitlist/{entryId}"),
}
"""Routes of who runs the platform: `tests/control` proves each, `test_access.py` that nobody else may."""

OF_ANYBODY = {
    ("post", "/api/v1/auth/register"),
    ("post", "/api/v1/auth/verify-email"),
    ("post", "/api/v1/auth/resend-code"),
    ("post", "/api/v1/auth/login"),
    ("post", "/api/v1/auth/refresh"),
    ("get", "/api/v1/auth/{provider}/authorize"),
    ("get", "/api/v1/auth/{provider}/callback"),
    ("post", "/api/v1/auth/second-factor"),
    ("post", "/api/v1/auth/forgot-password"),
    ("post", "/api/v1/auth/reset-password"),
    ("post", "/api/v1/invitations/accept"),
    ("post", "/api/v1/waitlist"),
    ("post", "/api/v1/contact"),
    ("get", "/api/v1/public/forms/{accessToken}"),
    ("post", "/api/v1/public/forms/{accessToken}/submissions"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}
"""Routes that nobody signs in for: what they carry says whose they are; `test_doors.py` and
`tests/control` prove each."""


NAMED_IN_QUERY = {"/api/v1/submissions": "leadId"}
"""Routes that are about a thing which their query names."""


def fill(path: str, thing_id: str) -> str:
    """Put an id where the path has a gap, or in the query that names it."""
    if path in NAMED_IN_QUERY:
        return f"{path}?{NAMED_IN_QUERY[path]}={thing_id}"
    return re.sub(r"\{[^}]*\}", thing_id, path)


def address(path: str, things: dict[str, str], case: Case) -> str:
    """Give the path with Acme's own thing in it."""
    if "{platform}" in path:
        return path.replace("{platform}", "meta")
    named = "{" in path or path in NAMED_IN_QUERY
    return fill(path, things[case.thing]) if named and case.thing else path
