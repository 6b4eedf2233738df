"""The control plane's counterpart of a workspace: the first argument of its rules and jobs."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId

from jazzaam.clock import Clock
from jazzaam.control.audit.events import AuditedInControl, audited
from jazzaam.control.audit.heads import HeadsFile
from jazzaam.control.audit.models import Action, Origin, Resource
from jazzaam.control.audit.trail import AuditTrail
from jazzaam.control.memberships.models import Actor, Member
from jazzaam.control.password_hashing import Passwords
from jazzaam.control.requests import Repeatable, RequestKey
from jazzaam.encryption import Cipher
from jazzaam.events import Event
from jazzaam.integrations.email import Mailer
from jazzaam.integrations.identity import IdentityProvider
from jazzaam.jobs.registry import Registry
from jazzaam.pagination import Cursors
from jazzaam.signing import Keyring
from jazzaam.tenancy.care import Care
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.erasure import Erasure
from jazzaam.tenancy.provisioning import Provisioner
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.web.origin import network_named
from jazzaam.web.rate_limits import RateLimits


@dataclass(frozen=True, slots=True)
class ControlServices:
    """What the control plane works with; made once by the composition root.

    `mails_per_address` are how many one address gets an hour and a day.
    """

    clock: Clock
    registry: Registry
    system: Callable[[], SystemDatabase]
    tenancy: Tenancy
    provisioner: Provisioner
    care: Care
    erasure: Erasure
    grace: timedelta
    leads: Callable[[], Awaitable[bool]]
    ready_tenants: int
    keyring: Keyring
    cursors: Cursors
    cipher: Cipher
    trail: AuditTrail
    audit_heads: HeadsFile
    mailer: Mailer
    passwords: Passwords
    rate_limits: RateLimits
    mails_per_address: tuple[int, int]
    identity_providers: Mapping[str, IdentityProvider]
    mail_from: str
    contact_to: str | None
    public_url: str


class ControlPlane(Repeatable[SystemDatabase, Event]):
    """One request's, or one job's, hold on the shared database.

    `origin_of` says where the request came from, `request` names one that may come twice.
    """

    def __init__(
        self,
        db: SystemDatabase,
        services: ControlServices,
        origin_of: Callable[[], Origin] = Origin,
        request: RequestKey | None = None,
    ) -> None:
        super().__init__(db, services.registry, services.clock, request)
        self.services = services
        self.origin_of = origin_of

    @property
    def network(self) -> str:
        """The network a request came from, as limits count it; empty for a job."""
        return network_named(self.origin_of().address)

    def audit(
        self,
        action: Action,
        resource: Resource,
        resource_id: object,
        *,
        by: Member | Actor,
        company: ObjectId | None = None,
        account: ObjectId | None = None,
        fields: Iterable[str] = (),
        values: Mapping[str, Any] | None = None,
        failed: bool = False,
    ) -> None:
        """Have the running change told to the audit log of a company: `by`'s, or `company`.

        Without either it is told to all companies that `account` works in. `values` says what was changed
        to; never a secret. Raises `PublishedOutsideChange`.
        """
        actor, company_id = (by.actor, by.company_id) if isinstance(by, Member) else (by, company)
        told = audited(
            action,
            resource,
            resource_id,
            by=actor,
            origin=self.origin_of(),
            at=self.clock.now(),
            fields=fields,
            values=values,
            failed=failed,
        )
        self.publish(AuditedInControl(**told, company_id=company_id, account_id=account))
