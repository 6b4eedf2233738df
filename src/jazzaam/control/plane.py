"""The control plane's counterpart of a workspace: the first argument of its rules and jobs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jazzaam.clock import Clock
from jazzaam.control.passwords import Passwords
from jazzaam.events import Event
from jazzaam.integrations.email import Mailer
from jazzaam.jobs.publishing import Publishing
from jazzaam.jobs.registry import Registry
from jazzaam.signing import Keyring
from jazzaam.tenancy.care import Care
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.provisioning import Provisioner
from jazzaam.tenancy.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class ControlServices:
    """What the control plane works with; made once by the composition root."""

    clock: Clock
    registry: Registry
    system: Callable[[], SystemDatabase]
    tenancy: Tenancy
    provisioner: Provisioner
    care: Care
    leads: Callable[[], Awaitable[bool]]
    ready_tenants: int
    keyring: Keyring
    mailer: Mailer
    passwords: Passwords
    mail_from: str
    public_url: str


class ControlPlane(Publishing[SystemDatabase, Event]):
    """One request's, or one job's, hold on the shared database."""

    def __init__(self, db: SystemDatabase, services: ControlServices) -> None:
        super().__init__(db, services.registry, services.clock)
        self.services = services
