"""Settings: read once from the environment (prefix `JAZZAAM_`) and `.env`, then frozen."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from jazzaam.errors import ConfigurationError
from jazzaam.rates import Rates
from jazzaam.signing import MINIMUM_SECRET_BYTES

PREFIX: Final = "JAZZAAM_"
MAIN_CLUSTER: Final = "main"
BROKER_SCHEMES: Final = ("redis", "rediss", "amqp", "amqps", "nats", "tls")


class Environment(StrEnum):
    """Development is forgiving; production refuses to start with anything made for development."""

    development = "development"
    production = "production"


class ClusterUris(BaseModel):
    """Connection strings of one MongoDB deployment, one a user; those left out are `app`'s."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app: SecretStr
    operator: SecretStr | None = None
    caretaker: SecretStr | None = None
    relay: SecretStr | None = None
    watcher: SecretStr | None = None
    auditor: SecretStr | None = None


class Settings(Rates):
    """Every setting; `docs/reference/settings.md` is made from this class."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    environment: Environment = Field(Environment.development, description="`development` or `production`.")
    host: str = Field("127.0.0.1", description="The address the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="The port the API listens on.")
    data_dir: Path = Field(
        Path(".jazzaam"),
        description="Where the embedded MongoDB keeps its data, and development mail is written. "
        "Only its owner may enter it (mode 0700).",
    )
    mongodb_uri: SecretStr | None = Field(
        None,
        description="Connection string of a MongoDB replica set or sharded cluster, 6.0 or later. "
        "Without it `jazzaam run` starts one of its own.",
    )
    mongodb_operator_uri: SecretStr | None = Field(
        None,
        description="The same deployment for the user *operator*, which keeps users and drops databases: "
        "for the command line alone. Default MONGODB_URI. `mongodb-users.md` has each role.",
    )
    mongodb_caretaker_uri: SecretStr | None = Field(
        None,
        description="The same for the user *caretaker*, as which the worker removes what has ended; it can "
        "give no rights. Default MONGODB_OPERATOR_URI.",
    )
    mongodb_relay_uri: SecretStr | None = Field(
        None, description="The same for the user *relay*, which notices jobs. Default MONGODB_URI."
    )
    mongodb_watcher_uri: SecretStr | None = Field(
        None, description="The same for the user *watcher*, which hears changes. Default MONGODB_URI."
    )
    mongodb_auditor_uri: SecretStr | None = Field(
        None, description="The same for the user *auditor*, which adds audit rows. Default MONGODB_URI."
    )
    mongodb_connect_seconds: float = Field(
        5, gt=0, le=60, description="How long a MongoDB may take to answer before it counts as away."
    )
    clusters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")], ClusterUris] = Field(
        default_factory=dict[str, ClusterUris],
        description="Further MongoDB deployments for companies, as JSON: "
        '`{"eu-2": {"app": "mongodb://…", "operator": "…", "relay": "…", …}}`; all but `app` '
        "may be left out. The first, of MONGODB_URI, is named `main` and holds the shared database.",
    )
    table_limit: int | None = Field(
        None,
        ge=100,
        description="Tables (collections and indexes) a mongod may hold; default: what its descriptors "
        "allow, less a quarter.",
    )
    ready_tenants: int = Field(
        3,
        ge=0,
        le=100,
        description="Companies' databases kept ready for sign-ups; 0 builds each when asked.",
    )
    grace_days: float = Field(
        30.0, ge=0, description="How long a deleted company can be restored before it is erased, in days."
    )
    erase_fence_seconds: float = Field(
        60.0,
        ge=0,
        description="What passes between closing a company for good and removing it, for work that was "
        "begun before, in seconds.",
    )
    client_pool_size: int = Field(
        50, ge=1, le=5000, description="Clients of dedicated companies that a process holds open at most."
    )
    client_pool_idle_seconds: float = Field(
        300.0, gt=0, description="When an idle client of a dedicated company is closed, in seconds."
    )
    client_pool_sweep_seconds: float = Field(
        60.0, gt=0, description="How often idle clients are looked for, in seconds."
    )
    client_pool_overflow: Literal["wait", "refuse"] = Field(
        "wait",
        description="When every client is in use: `wait` for one, or `refuse` at once (a 503).",
    )
    client_pool_wait_seconds: float = Field(
        10.0, gt=0, description="How long a request waits for a client of a dedicated company, in seconds."
    )
    refusal_pause_seconds: float = Field(
        1.0,
        ge=0,
        le=10,
        description="What passes before a company over its requests a second or at once is told so (429), "
        "in seconds: a client that does not wait then costs little.",
    )
    catalog_size: int = Field(
        20_000, ge=100, description="Companies a process remembers at most, about 3 kB each."
    )
    mongod: Path | None = Field(
        None, description="The mongod to embed; else the one on PATH, else the wheel's."
    )
    database_prefix: str = Field(
        "jazzaam_company_",
        pattern=r"^[a-z][a-z0-9_]{0,38}$",
        description="A company's database is named by this and the company's id.",
    )
    system_database: str = Field(
        "jazzaam_system",
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description="The name of the shared database.",
    )
    public_url: str = Field("", description="Where the API is reached; default `http://HOST:PORT`.")
    forms_url: str = Field(
        "",
        description="Where hosted forms are reached; default PUBLIC_URL. In production another origin, "
        "so that strangers' pages and the application never share one.",
    )
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Secrets that sign tokens and cursors, separated by commas, at least 32 bytes each. "
        "The first signs, all verify. In development one is made and kept in DATA_DIR.",
    )
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Secrets that encrypt what is stored encrypted (MongoDB passwords of dedicated "
        "companies, secrets of second factors), separated by commas, at least 32 bytes each. The first "
        "encrypts, all decrypt; see `jazzaam keys`. In development one is made and kept in DATA_DIR.",
    )
    audit_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Secrets that chain the audit log, separated by commas, at least 32 bytes each. The "
        "first chains, all verify. In development one is made and kept in DATA_DIR.",
    )
    audit_heads: Path | None = Field(
        None,
        description="The file to which the heads of the audit log's chains are added every minute: keep it "
        "where who administers MongoDB cannot write. Default: `DATA_DIR/audit-heads.jsonl`.",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="Networks of the proxies in front of the API, as CIDR separated by commas: their "
        "`X-Forwarded-For` counts, nobody else's does.",
    )
    files_url: str | None = Field(
        None,
        description="Where files are kept: `s3://bucket/prefix?endpoint=https://…&region=…`. Without it in "
        "GridFS, in each company's own database.",
    )
    files_key_id: SecretStr | None = Field(
        None, description="The key id for FILES_URL; without it, what the machine's role allows."
    )
    files_secret: SecretStr | None = Field(None, description="The secret that belongs to FILES_KEY_ID.")
    smtp_url: SecretStr | None = Field(
        None,
        description="`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`. "
        "Without it mails are written to `DATA_DIR/outbox/*.eml`.",
    )
    mail_from: str = Field("Jazzaam <no-reply@localhost>", description="The sender of our mails.")
    contact_to: str | None = Field(
        None,
        description="The address that messages of the contact form are mailed to; else they are kept only.",
    )
    google_client_id: str | None = Field(
        None, description="Our client id at Google: with its secret, people sign in with Google."
    )
    google_client_secret: SecretStr | None = Field(None, description="Its secret.")
    google_issuer: str = Field("https://accounts.google.com", description="Google's issuer.")
    zoho_client_id: str | None = Field(None, description="Our client id at Zoho, as for Google.")
    zoho_client_secret: SecretStr | None = Field(None, description="Its secret.")
    zoho_issuer: str = Field(
        "https://accounts.zoho.com", description="Zoho's issuer; each of its data centres has its own."
    )
    sign_in_callback: str = Field(
        "",
        description="Where a provider sends browsers back to, with `{provider}` in it: a page that hands "
        "`code` and `state` on to the API. Default: the API itself.",
    )
    egress_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="Networks beside the internet that our requests may reach, as CIDR separated by "
        "commas: for a provider of one's own. The internet is reached by https at port 443 alone.",
    )
    broker_url: SecretStr | None = Field(
        None,
        description="Where relays hand jobs to workers: `redis://…` (Redis Streams), `amqp://…` (RabbitMQ) "
        "or `nats://…` (JetStream), each with its TLS scheme. Without it one worker process does both.",
    )
    worker_slots: int = Field(16, ge=1, le=256, description="Jobs a worker runs at once.")
    drain_seconds: float = Field(
        5.0,
        ge=0,
        description="How long jobs that run may go on when their worker is to stop, in seconds; then "
        "another worker has them.",
    )
    lease_seconds: float = Field(
        30.0,
        gt=0,
        le=60,
        description="How long a job stays with a worker that is not heard of, in seconds.",
    )
    relay_seat_seconds: float = Field(
        10.0,
        gt=0,
        description="When another relay takes the place of one that is not heard of, in seconds.",
    )
    sweep_seconds: float = Field(
        1800.0,
        gt=0,
        description="How often a relay looks at every company for jobs it was not told of, in seconds.",
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65534,
        description="Where the web process answers `GET /metrics` (Prometheus); the worker does one port "
        "above, the relay two. Default: nowhere.",
    )
    metrics_host: str = Field("127.0.0.1", description="The address `/metrics` listens on.")
    log_json: bool = Field(
        False,
        description="Logs as JSON lines; always so in production.",
    )

    @field_validator(
        "secret_key", "encryption_keys", "audit_keys", "trusted_proxies", "egress_networks", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("secret_key", "encryption_keys", "audit_keys")
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value().encode()) < MINIMUM_SECRET_BYTES for key in value):
            raise ValueError(f"each key has at least {MINIMUM_SECRET_BYTES} bytes")
        return value

    @model_validator(mode="before")
    @classmethod
    def _default_addresses(cls, values: dict[str, Any]) -> dict[str, Any]:
        here = f"http://{values.get('host', '127.0.0.1')}:{values.get('port', 8000)}"
        public = values.get("public_url") or here
        forms = values.get("forms_url") or public
        ours = public.rstrip("/") + "/api/v1/auth/{provider}/callback"
        return {
            **values,
            "public_url": public.rstrip("/"),
            "forms_url": forms.rstrip("/"),
            "sign_in_callback": values.get("sign_in_callback") or ours,
        }

    @field_validator("broker_url")
    @classmethod
    def _is_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in BROKER_SCHEMES:
            raise ValueError(f"begins with one of {', '.join(f'{one}://' for one in BROKER_SCHEMES)}")
        return value

    @field_validator("public_url", "forms_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise ValueError("is not an address like https://crm.example.com")
        return value

    @field_validator("sign_in_callback")
    @classmethod
    def _names_the_provider(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) or "{provider}" not in value:
            raise ValueError("is not an address like https://app.example.com/sign-in/{provider}")
        return value

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        faults: list[str] = []
        if self.system_database.startswith(self.database_prefix):
            other = f"{PREFIX}DATABASE_PREFIX: it could be a company's"
            faults.append(f"{PREFIX}SYSTEM_DATABASE: begins with {other}")
        if MAIN_CLUSTER in self.clusters:
            faults.append(f"{PREFIX}CLUSTERS: {MAIN_CLUSTER!r} is the name of {PREFIX}MONGODB_URI's own")
        if self.environment is Environment.production:
            faults += [
                f"{PREFIX}{name.upper()}: is needed in production"
                for name in ("secret_key", "encryption_keys", "audit_keys")
                if not getattr(self, name)
            ]
            if self.forms_url == self.public_url:
                other = f"{PREFIX}PUBLIC_URL in production"
                faults.append(f"{PREFIX}FORMS_URL: must be another origin than {other}")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def production(self) -> bool:
        """Tell whether this is production."""
        return self.environment is Environment.production

    @property
    def separate_forms_host(self) -> str | None:
        """Give `host[:port]` of the forms' own origin, when there is one."""
        return urlsplit(self.forms_url).netloc if self.forms_url != self.public_url else None


def read_settings() -> Settings:
    """Read the settings; raises `ConfigurationError` with one line that names every variable at fault."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        faults = [_variable(one["loc"]) + one["msg"].removeprefix("Value error, ") for one in found]
        raise ConfigurationError("; ".join(faults)) from None


def _variable(place: tuple[int | str, ...]) -> str:
    """Name the variable at fault, and the place within its JSON; nothing where the fault names its own."""
    if not place:
        return ""
    name, *within = place
    return ".".join([PREFIX + str(name).upper(), *map(str, within)]) + ": "


def unknown_variables() -> list[str]:
    """List the variables with our prefix that name no setting: most likely misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "LIFELINE_FD"}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
