"""What the web process, the worker and the command line have in common, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jazzaam.clock import Clock, SystemClock
from jazzaam.config import Settings
from jazzaam.control.accounts.sessions import Sessions
from jazzaam.control.passwords import Passwords
from jazzaam.control.plane import ControlServices
from jazzaam.crm.workspace import WorkspaceServices
from jazzaam.embedded.files import kept_secret, private_folder
from jazzaam.embedded.mongod import Endpoint
from jazzaam.errors import ConfigurationError
from jazzaam.features import (
    ON_LEADS,
    SYSTEM_COLLECTIONS,
    TENANT_COLLECTIONS,
    WATCHED_COLLECTIONS,
    registry,
)
from jazzaam.identifiers import OBJECT_ID_PATTERN
from jazzaam.integrations.email import Mailer
from jazzaam.integrations.email.folder import FolderMailer
from jazzaam.integrations.email.smtp import SmtpMailer
from jazzaam.pagination import Cursors
from jazzaam.signing import Keyring
from jazzaam.tenancy import schema
from jazzaam.tenancy.clusters import Clusters, require_fit
from jazzaam.tenancy.credentials import APP, ClusterUser
from jazzaam.tenancy.models import Cluster, TenantNaming
from jazzaam.tenancy.tenancy import Deployment, deploy

CLUSTER: Final = "main"


@dataclass(frozen=True, slots=True)
class Application:
    """One process's parts. Nothing here has connected to anything yet; `prepare` does."""

    settings: Settings
    deployment: Deployment
    keyring: Keyring
    sessions: Sessions
    control: ControlServices
    workspaces: WorkspaceServices


def compose(
    settings: Settings,
    *,
    user: ClusterUser = APP,
    clock: Clock | None = None,
    passwords: Passwords | None = None,
    event_listeners: Sequence[Any] = (),
) -> Application:
    """Put the parts together; raises `ConfigurationError` in one line."""
    clock = clock or SystemClock()
    clusters = Clusters([Cluster(CLUSTER, _mongodb_uri(settings, user))], event_listeners=event_listeners)
    naming = TenantNaming(
        prefix=settings.database_prefix,
        system=settings.system_database,
        pattern=OBJECT_ID_PATTERN,
    )
    deployment = deploy(
        clusters, naming, tenant_collections=TENANT_COLLECTIONS, watched=WATCHED_COLLECTIONS
    )
    keyring, jobs = _keyring(settings), registry()
    return Application(
        settings=settings,
        deployment=deployment,
        keyring=keyring,
        sessions=Sessions(deployment.system(), deployment.freshness, clock),
        control=ControlServices(
            clock=clock,
            registry=jobs,
            tenancy=deployment.tenancy,
            keyring=keyring,
            mailer=_mailer(settings),
            passwords=passwords or Passwords(),
            mail_from=settings.mail_from,
            public_url=settings.public_url,
        ),
        workspaces=WorkspaceServices(
            clock=clock,
            registry=jobs,
            cursors=Cursors(keyring),
            catalog=deployment.tenancy.catalog,
            on_leads=ON_LEADS,
            forms_url=settings.forms_url,
        ),
    )


async def prepare(application: Application) -> None:
    """Check the MongoDB deployment, and make the shared database what it is declared to be.

    Safe to repeat, also by several processes at once. Raises `DeploymentUnfit`.
    """
    clusters, naming = application.deployment.clusters, application.deployment.tenancy.naming
    for name in clusters.names:
        await require_fit(clusters.client(name))
    system = clusters.client(clusters.names[0])[naming.system]
    await schema.build(system, SYSTEM_COLLECTIONS)


def embedded_folder(settings: Settings) -> Path:
    """Say where the embedded MongoDB lives."""
    return settings.data_dir / "mongodb"


def _mongodb_uri(settings: Settings, user: ClusterUser) -> str:
    if settings.mongodb_uri is not None:
        return settings.mongodb_uri.get_secret_value()
    folder = embedded_folder(settings)
    try:
        port = int((folder / "mongod.port").read_text())
        return Endpoint(port, folder / "secrets").uri(user.name)
    except (OSError, ValueError):
        raise ConfigurationError(
            "There is no MongoDB: set JAZZAAM_MONGODB_URI, or start one with `jazzaam run`."
        ) from None


def _keyring(settings: Settings) -> Keyring:
    if settings.secret_key:
        return Keyring([key.get_secret_value() for key in settings.secret_key])
    secrets = private_folder(private_folder(settings.data_dir) / "secrets")
    return Keyring([kept_secret(secrets / "secret-key")])


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None:
        return FolderMailer(settings.data_dir / "outbox")
    try:
        return SmtpMailer(settings.smtp_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"JAZZAAM_SMTP_URL: {error}") from None
