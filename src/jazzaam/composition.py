"""What the web process, the worker and the command line have in common, put together once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bson import ObjectId
from pydantic import SecretStr

from jazzaam.clock import Clock, SystemClock
from jazzaam.config import MAIN_CLUSTER, ClusterUris, Settings
from jazzaam.control.accounts.sessions import Sessions
from jazzaam.control.accounts.standing import standing_of
from jazzaam.control.acting import permissions_now, works_in
from jazzaam.control.api_keys.lookup import ApiKeys
from jazzaam.control.audit.heads import HeadsFile
from jazzaam.control.audit.trail import AuditTrail
from jazzaam.control.billing.plans import LIMITS, Plan, limits_of
from jazzaam.control.catalogue.repository import CatalogueRepository
from jazzaam.control.identities.models import Provider
from jazzaam.control.password_hashing import Passwords
from jazzaam.control.plane import ControlServices
from jazzaam.control.rate_limits import SharedRateLimits
from jazzaam.control.team.seats import seats_in_use
from jazzaam.crm.usage.service import COUNTERS
from jazzaam.crm.workspace import WorkspaceServices
from jazzaam.embedded.files import kept_secret, private_folder
from jazzaam.embedded.mongod import Endpoint
from jazzaam.encryption import Cipher
from jazzaam.errors import ConfigurationError
from jazzaam.features import (
    ON_LEADS,
    PORTABLE,
    REMOVERS,
    SHAPE,
    SYSTEM_COLLECTIONS,
    WATCHED_COLLECTIONS,
    registry,
)
from jazzaam.identifiers import OBJECT_ID_PATTERN, is_public_token, new_id, new_public_token
from jazzaam.integrations.egress import Egress
from jazzaam.integrations.email import Mailer
from jazzaam.integrations.email.folder import FolderMailer
from jazzaam.integrations.email.smtp import SmtpMailer
from jazzaam.integrations.files import FileStore
from jazzaam.integrations.files.gridfs import GridFsStore
from jazzaam.integrations.files.s3 import S3FileStore
from jazzaam.integrations.identity import IdentityProvider
from jazzaam.integrations.identity.openid import OpenIdProvider, OpenIdSettings
from jazzaam.jobs.registry import Registry
from jazzaam.pagination import Cursors
from jazzaam.signing import Keyring
from jazzaam.tenancy.client_pool import Overflow, PoolPolicy
from jazzaam.tenancy.clusters import Cluster, Clusters
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.deployment import Bounds, Declared, Deployment, deploy
from jazzaam.tenancy.encryption_keys import require_keys
from jazzaam.tenancy.models import TenantNaming
from jazzaam.tenancy.steps import Observer, log_step
from jazzaam.tenancy.users import APP, AUDITOR, CARETAKER, OPERATOR, RELAY, WATCHER, ClusterUser


@dataclass(frozen=True, slots=True)
class Application:
    """One process's parts. Nothing here has connected to anything yet; `prepare` does."""

    settings: Settings
    deployment: Deployment
    keyring: Keyring
    cipher: Cipher
    audit_keyring: Keyring
    sessions: Sessions
    api_keys: ApiKeys
    control: ControlServices
    workspaces: WorkspaceServices


def compose(
    settings: Settings,
    *,
    user: ClusterUser = APP,
    operator: ClusterUser = OPERATOR,
    clock: Clock | None = None,
    passwords: Passwords | None = None,
    jobs: Registry | None = None,
    event_listeners: Sequence[Any] = (),
    observe: Observer = log_step,
) -> Application:
    """Put the parts together; `jobs` are all features' unless it says otherwise.

    `operator` is who this process is where others are *operator*: the worker is *caretaker*. Raises
    `ConfigurationError` in one line.
    """
    clock = clock or SystemClock()
    clusters = Clusters(
        _clusters(settings, operator),
        user=user,
        event_listeners=event_listeners,
        connect_seconds=settings.mongodb_connect_seconds,
    )
    clusters.client(MAIN_CLUSTER)  # finds out at once whether there is one
    files = _files(settings)
    cipher = Cipher(_keyring(settings, settings.encryption_keys, "encryption-key"))
    deployment = deploy(
        clusters, _declared(settings, files), cipher, bounds=_bounds(settings), observe=observe
    )
    keyring, jobs = _keyring(settings, settings.secret_key, "secret-key"), jobs or registry()
    cursors = Cursors(keyring)
    audit_keyring = _keyring(settings, settings.audit_keys, "audit-key")
    trail = AuditTrail(partial(_system_as_auditor, clusters, settings), audit_keyring)
    return Application(
        settings=settings,
        deployment=deployment,
        keyring=keyring,
        cipher=cipher,
        audit_keyring=audit_keyring,
        sessions=Sessions(deployment.system, deployment.freshness, clock),
        api_keys=ApiKeys(
            deployment.system,
            deployment.freshness,
            clock,
            lambda account_id, company_id: standing_of(deployment.system(), account_id, company_id),
        ),
        control=ControlServices(
            clock=clock,
            registry=jobs,
            system=deployment.system,
            tenancy=deployment.tenancy,
            provisioner=deployment.provisioner,
            care=deployment.care,
            erasure=deployment.erasure,
            grace=timedelta(days=settings.grace_days),
            leads=deployment.migrator.leads,
            ready_tenants=settings.ready_tenants,
            keyring=keyring,
            cursors=cursors,
            cipher=cipher,
            trail=trail,
            audit_heads=HeadsFile(settings.audit_heads or settings.data_dir / "audit-heads.jsonl"),
            mailer=_mailer(settings),
            passwords=passwords or Passwords(),
            rate_limits=SharedRateLimits(deployment.system, pause_seconds=settings.slowed_seconds),
            mails_per_address=(settings.mails_per_address_hour, settings.mails_per_address_day),
            identity_providers=_identity_providers(settings),
            mail_from=settings.mail_from,
            contact_to=settings.contact_to,
            public_url=settings.public_url,
        ),
        workspaces=WorkspaceServices(
            clock=clock,
            registry=jobs,
            cursors=cursors,
            catalog=deployment.tenancy.catalog,
            limits=deployment.limits,
            on_leads=ON_LEADS,
            trail=trail,
            files=files,
            export_capsule=lambda db, path: deployment.export(db, path, keyring, clock.now()),
            confirm=deployment.tenancy.confirm,
            permissions_now=lambda actor, tenant_id: permissions_now(
                deployment.system(), actor, tenant_id, clock.now()
            ),
            seats_in_use=lambda tenant_id: seats_in_use(
                deployment.system(), ObjectId(tenant_id), clock.now()
            ),
            is_active_member=lambda tenant_id, account_id: works_in(
                deployment.system(), account_id, ObjectId(tenant_id)
            ),
            drawing=ThreadPoolExecutor(1, "drawing"),
            keyring=keyring,
            public_url=settings.public_url,
            forms_url=settings.forms_url,
        ),
    )


async def prepare(
    application: Application,
    *,
    keys_needed: bool = True,
    every_cluster: bool = False,
    declare: bool = True,
) -> None:
    """Check the MongoDB clusters and our keys, and make the shared database what it is declared to be.

    `every_cluster` and `declare` as in `Deployment.prepare`; without `keys_needed` a missing key is put up
    with. Safe to repeat, also by several processes at once. Raises `ConfigurationError` in one line.
    """
    deployment, now = application.deployment, application.control.clock.now()
    await deployment.prepare(now, every_cluster=every_cluster, declare=declare)
    if declare:
        await CatalogueRepository(deployment.system()).fill(now)
    if keys_needed:
        await require_keys(deployment.system(), application.cipher, now)


def _system_as_auditor(clusters: Clusters, settings: Settings) -> SystemDatabase:
    """Give the shared database as the user that can only find and insert audit rows."""
    return SystemDatabase(clusters.client(MAIN_CLUSTER, AUDITOR)[settings.system_database])


def embedded_folder(settings: Settings) -> Path:
    """Say where the embedded MongoDB lives."""
    return settings.data_dir / "mongodb"


def _declared(settings: Settings, files: FileStore) -> Declared:
    naming = TenantNaming(
        prefix=settings.database_prefix,
        system=settings.system_database,
        pattern=OBJECT_ID_PATTERN,
    )
    return Declared(
        naming=naming,
        shape=SHAPE,
        system=SYSTEM_COLLECTIONS,
        watched=WATCHED_COLLECTIONS,
        new_id=lambda: str(new_id()),
        owner_of=ObjectId,
        removers={**REMOVERS, "files outside MongoDB": lambda _, tenant_id: files.remove_all(tenant_id)},
        portable=PORTABLE,
        new_key=new_public_token,
        is_key=is_public_token,
        limits=limits_of(Plan.free),
        request_rate=LIMITS["requestsPerSecond"],
        requests_at_once=LIMITS["requestsAtOnce"],
        counters=COUNTERS,
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        pool=PoolPolicy(
            size=settings.client_pool_size,
            idle_for=timedelta(seconds=settings.client_pool_idle_seconds),
            sweep_every=timedelta(seconds=settings.client_pool_sweep_seconds),
            overflow=Overflow(settings.client_pool_overflow),
            wait_for=timedelta(seconds=settings.client_pool_wait_seconds),
        ),
        catalog_size=settings.catalog_size,
        table_limit=settings.table_limit,
        erase_fence=timedelta(seconds=settings.erase_fence_seconds),
        refusal_pause=timedelta(seconds=settings.refusal_pause_seconds),
    )


def _clusters(settings: Settings, operator: ClusterUser) -> list[Cluster]:
    """List the clusters; the first holds the shared database. `operator` takes *operator*'s place."""

    def as_us(uri: Callable[[ClusterUser], str]) -> Callable[[ClusterUser], str]:
        return lambda user: uri(operator if user is OPERATOR else user)

    if settings.mongodb_uri is None:
        main = partial(_embedded_uri, settings)
    else:
        uris = ClusterUris(
            app=settings.mongodb_uri,
            operator=settings.mongodb_operator_uri,
            caretaker=settings.mongodb_caretaker_uri,
            relay=settings.mongodb_relay_uri,
            watcher=settings.mongodb_watcher_uri,
            auditor=settings.mongodb_auditor_uri,
        )
        main = partial(_uri, uris)
    others = [Cluster(name, as_us(partial(_uri, uris))) for name, uris in settings.clusters.items()]
    return [Cluster(MAIN_CLUSTER, as_us(main)), *others]


def _uri(uris: ClusterUris, user: ClusterUser) -> str:
    """Give the connection string of a user; one that has none of its own shares *app*'s."""
    own = {
        APP.name: uris.app,
        OPERATOR.name: uris.operator,
        CARETAKER.name: uris.caretaker or uris.operator,
        RELAY.name: uris.relay,
        WATCHER.name: uris.watcher,
        AUDITOR.name: uris.auditor,
    }
    return (own[user.name] or uris.app).get_secret_value()


def _embedded_uri(settings: Settings, user: ClusterUser) -> str:
    folder = embedded_folder(settings)
    try:
        port = int((folder / "mongod.port").read_text())
        return Endpoint(port, folder / "secrets").uri(user.name)
    except (OSError, ValueError):
        raise ConfigurationError(
            "There is no MongoDB: set JAZZAAM_MONGODB_URI, or start one with `jazzaam run`."
        ) from None


def _keyring(settings: Settings, configured: Sequence[SecretStr], file: str) -> Keyring:
    """Take the configured keys, newest first; in development one is made and kept."""
    if configured:
        return Keyring([key.get_secret_value() for key in configured])
    secrets = private_folder(private_folder(settings.data_dir) / "secrets")
    return Keyring([kept_secret(secrets / file)])


def _files(settings: Settings) -> FileStore:
    if settings.files_url is None:
        return GridFsStore()
    key_id, secret = settings.files_key_id, settings.files_secret
    try:
        return S3FileStore(
            settings.files_url,
            key_id.get_secret_value() if key_id else None,
            secret.get_secret_value() if secret else None,
        )
    except ValueError as error:
        raise ConfigurationError(f"JAZZAAM_FILES_URL: {error}") from None


def _identity_providers(settings: Settings) -> dict[str, IdentityProvider]:
    """Give the providers that are configured, by name; each goes out through one way."""
    egress = Egress(allowed=settings.egress_networks)
    configured = {
        Provider.google: (settings.google_issuer, settings.google_client_id, settings.google_client_secret),
        Provider.zoho: (settings.zoho_issuer, settings.zoho_client_id, settings.zoho_client_secret),
    }
    return {
        name: OpenIdProvider(
            OpenIdSettings(
                issuer=issuer,
                client_id=client_id,
                client_secret=secret.get_secret_value(),
                callback=settings.sign_in_callback.replace("{provider}", name),
            ),
            egress,
        )
        for name, (issuer, client_id, secret) in configured.items()
        if client_id is not None and secret is not None
    }


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None:
        return FolderMailer(settings.data_dir / "outbox")
    try:
        return SmtpMailer(settings.smtp_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"JAZZAAM_SMTP_URL: {error}") from None
