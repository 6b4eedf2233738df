"""The doors: from a request, or a job's row, to a workspace. Each grants what it needs, no more."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final

import structlog
from fastapi import Depends, Request

from jazzaam.control.dependencies import COMPANY_ERRORS, current_member, origin_of
from jazzaam.control.memberships.models import NOBODY, Actor, ActorKind, Member
from jazzaam.control.memberships.permissions import Permission
from jazzaam.control.requests import body_if_idempotent, request_key
from jazzaam.crm.workspace import Workspace, WorkspaceServices
from jazzaam.errors import NotFound, Unavailable
from jazzaam.identifiers import is_public_token
from jazzaam.tenancy.catalog import PublicKey
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.errors import TenantNotFound, TenantSuspended
from jazzaam.tenancy.limits import LimitReached
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.traffic import Traffic
from jazzaam.web.at_end import at_end
from jazzaam.web.origin import network_of, networks_of

_CHECKED_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 5.0


class NoSuchForm(NotFound):
    """There is no form at this address."""


class LinkDead(NotFound):
    """What this link showed is not there any more."""


async def open_workspace(request: Request) -> Workspace:
    """Open a member's workspace: the tenant is their session's, whatever else the request says."""
    return await open_workspace_as(request, lambda: current_member(request))


async def open_workspace_as(request: Request, who: Callable[[], Awaitable[Member]]) -> Workspace:
    """Open the workspace of `who` a door has found; it is asked again after every wait."""
    request_body = await body_if_idempotent(request)
    member, checked_at = await who(), time.monotonic()
    tenancy: Tenancy = request.app.state.deployment.tenancy
    structlog.contextvars.bind_contextvars(tenant=member.tenant_id)
    db = await tenancy.open(member.tenant_id)
    at_end(request, db.release)

    async def again() -> None:
        nonlocal member
        member = await who()
        await tenancy.confirm(db)

    await _checked_just_now(checked_at, again)
    traffic: Traffic = request.app.state.deployment.traffic
    at_end(request, await traffic.admit(db.tenant))  # waits only to refuse
    return _workspace(request, db, member, request_body)


async def open_for_visitor(request: Request, access_token: str) -> tuple[Workspace, PublicKey]:
    """Open the workspace that a form's access token names, for submitting that form alone.

    A visitor is no request of the company's: neither keeps the other out. The body is read once the token
    is known to open something, and the token is asked about again afterwards, since it may have ended while
    the body was awaited. Raises `NoSuchForm` for every token that opens nothing, and for a suspended
    company's, `TooManyRequests` for a network that submits too often.
    """
    tenancy: Tenancy = request.app.state.deployment.tenancy
    named = await _form_named(tenancy, access_token)
    request_body = b""
    if request.method == "POST":
        _spend_submission(request)
        request_body = await request.body()
        named = await _form_named(tenancy, access_token)

    async def still() -> None:
        if await tenancy.catalog.key(access_token) != named:
            raise NoSuchForm

    try:
        db = await _open_for_stranger(request, named.tenant_id, still)
    except (TenantNotFound, TenantSuspended):
        raise NoSuchForm from None
    actor = Actor(ActorKind.public_key, named.resource_id)
    member = Member(actor, named.tenant_id, frozenset({Permission.forms_submit}))
    whose = f"{actor.kind} {actor.id} {network_of(request)}"  # strangers share no Idempotency-Keys
    return _workspace(request, db, member, request_body, whose), named


async def _form_named(tenancy: Tenancy, access_token: str) -> PublicKey:
    """Return what a form's access token names; raises `NoSuchForm`."""
    named = await tenancy.catalog.key(access_token) if is_public_token(access_token) else None
    if named is None or named.kind != "form":
        raise NoSuchForm
    return named


def _spend_submission(request: Request) -> None:
    """Count a submission from the caller's network; raises `TooManyRequests`."""
    settings, (network, site) = request.app.state.settings, networks_of(request)
    limits = {network: settings.submissions_per_network}
    if site is not None:
        limits[site] = settings.submissions_per_site
    request.app.state.submissions.spend(limits)


async def open_for_link(request: Request, tenant_id: str) -> Workspace:
    """Open the workspace that a link we signed names, after its signature was verified.

    It grants no permission: what the link shows, its rule shows. Raises `LinkDead` when there is nothing
    to open.
    """

    async def still() -> None:
        """Go on: a signature stays what it is."""

    try:
        db = await _open_for_stranger(request, tenant_id, still)
    except (TenantNotFound, TenantSuspended):
        raise LinkDead from None
    return _workspace(request, db, Member(NOBODY, tenant_id, frozenset()), b"")


async def _open_for_stranger(
    request: Request, tenant_id: str, still: Callable[[], Awaitable[None]]
) -> TenantDatabase:
    """Open a tenant that something a stranger holds names; `still` raises when it names it no more."""
    tenancy: Tenancy = request.app.state.deployment.tenancy
    structlog.contextvars.bind_contextvars(tenant=tenant_id)
    checked_at = time.monotonic()
    db = await tenancy.open(tenant_id)
    at_end(request, db.release)

    async def again() -> None:
        await still()
        await tenancy.confirm(db)

    await _checked_just_now(checked_at, again)
    return db


async def _checked_just_now(checked_at: float, again: Callable[[], Awaitable[None]]) -> None:
    """Check again what was checked before a wait, until nothing waited since.

    Opening a database may wait for a client or a migration. Raises `Unavailable` when checking waits too,
    for as long as a request waits.
    """
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() - checked_at >= _CHECKED_SECONDS:
        checked_at = time.monotonic()
        if checked_at > ends_at:
            raise Unavailable
        await again()


def workspace_for_job(db: TenantDatabase, job_id: object, services: WorkspaceServices) -> Workspace:
    """Open a workspace for a job whose row was found in this very database."""
    actor = Actor(ActorKind.job, str(job_id))
    permissions = frozenset(Permission) - {Permission.company_delete, Permission.billing_write}
    return Workspace(db, Member(actor, db.tenant.id, permissions), services)


def workspace_for_operator(db: TenantDatabase, services: WorkspaceServices) -> Workspace:
    """Open a workspace for the command line, whose user may read the machine's secrets."""
    actor = Actor(ActorKind.operator, "cli")
    return Workspace(db, Member(actor, db.tenant.id, frozenset(Permission)), services)


def _workspace(
    request: Request, db: TenantDatabase, member: Member, body: bytes, whose: str | None = None
) -> Workspace:
    """Make a workspace; `whose` names who an Idempotency-Key belongs to, if not to the actor."""
    services: WorkspaceServices = request.app.state.workspaces
    named = request_key(request, whose or f"{member.actor.kind} {member.actor.id}", body)
    return Workspace(db, member, services, named, partial(origin_of, request))


CurrentWorkspace = Annotated[Workspace, Depends(open_workspace)]
MEMBER_ERRORS = COMPANY_ERRORS
"""What every route of a member can answer with, for OpenAPI."""
MEMBER_WRITE_ERRORS = (*MEMBER_ERRORS, LimitReached)
"""And what every one of them that changes something can, since a change may make jobs."""
