"""A real mongod for the session, the real application over it, and companies made as needed."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx2
import hypothesis
import pytest
from argon2 import PasswordHasher
from bson import ObjectId
from fastapi import FastAPI
from pymongo import AsyncMongoClient, monitoring

from jazzaam import logging as logging_setup
from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.control.accounts import service as accounts
from jazzaam.control.accounts.models import AccountType
from jazzaam.control.billing.plans import LIMITS
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.password_hashing import Passwords
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.models import Registration
from jazzaam.control.sign_in import service as sign_in
from jazzaam.control.sign_in.service import Credentials
from jazzaam.crm.dependencies import workspace_for_operator
from jazzaam.crm.workspace import Workspace
from jazzaam.embedded.find import find_mongod
from jazzaam.embedded.mongod import Endpoint, running_mongod
from jazzaam.jobs import outbox
from jazzaam.jobs.models import Place
from jazzaam.logging import configure_logging
from jazzaam.main import create_app
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.tenancy.users import CLUSTER_USERS, OPERATOR
from jazzaam.worker import create_broker, create_relay, create_runner, create_worker
from tests.secrets_made import SecretsMade

NOISY = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("reproducible", derandomize=True, **NOISY)
hypothesis.settings.register_profile("search", **NOISY)  # `make test-all` asks for it
hypothesis.settings.load_profile("reproducible")

PASSWORD = "correct horse battery staple"
API = "/api/v1"


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": False}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test without an event loop that needs a fixture with one: it works after others alone."""
    wrong = sorted(
        {
            f"{item.nodeid.split('[')[0]} needs {name}"
            for item in items
            if isinstance(item, pytest.Function) and not inspect.iscoroutinefunction(item.function)
            for name in item.fixturenames
            for fixture in item._fixtureinfo.name2fixturedefs.get(name, ())
            if inspect.iscoroutinefunction(fixture.func) or inspect.isasyncgenfunction(fixture.func)
        }
    )
    if wrong:
        raise pytest.UsageError("make it asynchronous: " + ", ".join(wrong))


@pytest.fixture(scope="session", autouse=True)
def secrets_made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretsMade]:
    """Every secret that the suite makes; at its end, none of them is found in anything that was logged."""
    made = SecretsMade(tmp_path_factory.mktemp("logs") / "all.log")
    with made.log.open("a", buffering=1) as file, kept_log(file):
        yield made
    made.read_mails(tmp_path_factory.getbasetemp())
    assert made.leaked() == []


@contextmanager
def kept_log(file: TextIO) -> Iterator[None]:
    """Keep every line that is logged, beside showing it."""

    class Kept(logging_setup._StandardError):
        def msg(self, message: str) -> None:
            file.write(message + "\n")
            super().msg(message)

        info = warning = error = critical = exception = debug = msg

    usual = logging_setup._StandardError
    logging_setup._StandardError = Kept
    configure_logging(json=False)
    others = logging.StreamHandler(file)
    logging.getLogger().addHandler(others)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(others)
        logging_setup._StandardError = usual


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A mongod of this test process; it ends with it, whatever ends it."""
    folder = tmp_path_factory.mktemp("mongod")
    folder.chmod(0o700)
    started, stop = threading.Event(), threading.Event()
    found: list[Endpoint] = []

    async def run() -> None:
        async with running_mongod(find_mongod().path, folder, CLUSTER_USERS) as (endpoint, _):
            found.append(endpoint)
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(60)
    yield found[0]
    stop.set()
    thread.join(20)


@dataclass
class Commands(monitoring.CommandListener):
    """Every command that was sent to MongoDB during a test that asks for them."""

    seen: list[monitoring.CommandStartedEvent] = field(default_factory=list)
    recording: bool = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.recording:
            self.seen.append(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture(scope="session")
def listener() -> Commands:
    return Commands()


@pytest.fixture
def commands(listener: Commands) -> Iterator[Commands]:
    listener.recording = True
    yield listener
    listener.recording = False
    listener.seen.clear()


@pytest.fixture(scope="session")
def settings(mongod: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o700)
    return Settings(
        _env_file=None,
        data_dir=data,
        mongodb_uri=mongod.uri("jazzaam_app"),
        mongodb_operator_uri=mongod.uri("jazzaam_operator"),
        mongodb_relay_uri=mongod.uri("jazzaam_relay"),
        mongodb_watcher_uri=mongod.uri("jazzaam_watcher"),
        mongodb_auditor_uri=mongod.uri("jazzaam_auditor"),
        secret_key="a secret of thirty-two bytes or more",
        audit_keys="an audit key of thirty-two bytes or more",
        encryption_keys="a key of thirty-two bytes or of more",
        erase_fence_seconds=0.0,
        refusal_pause_seconds=0.05,
        public_url="http://test",
        signups_per_network=100_000,
        signups_total=100_000,
        logins_per_network=100_000,
        submissions_per_network=100_000,
        slowed_seconds=0.05,
        relay_seat_seconds=1.0,
    )


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture(scope="session")
def application(settings: Settings, passwords: Passwords, listener: Commands) -> Application:
    return compose(settings, passwords=passwords, event_listeners=[listener])


@pytest.fixture(scope="session")
async def app(application: Application) -> AsyncIterator[FastAPI]:
    await prepare(application)
    app = create_app(application)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI, secrets_made: SecretsMade) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1234))
    seen = {"response": [secrets_made.see]}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", event_hooks=seen) as client:
        yield client


@pytest.fixture
async def client_at(app: FastAPI) -> AsyncIterator[Callable[[str], httpx2.AsyncClient]]:
    """Make clients that come from other addresses."""
    async with AsyncExitStack() as stack:
        made: dict[str, httpx2.AsyncClient] = {}

        def client_at(address: str) -> httpx2.AsyncClient:
            transport = httpx2.ASGITransport(app=app, client=(address, 1))
            made[address] = made.get(address) or httpx2.AsyncClient(
                transport=transport, base_url="http://test"
            )
            stack.push_async_callback(made[address].aclose)
            return made[address]

        yield client_at


@dataclass(frozen=True)
class Company:
    """A company with its owner signed in."""

    id: str
    email: str
    headers: dict[str, str]
    refresh_token: str
    workspace: Workspace

    @property
    def db(self):
        return self.workspace.db


MakeCompany = Callable[..., Awaitable[Company]]


@pytest.fixture
def plane(app: FastAPI, application: Application) -> ControlPlane:
    return ControlPlane(application.deployment.system(), application.control)


@pytest.fixture
async def make_company(app: FastAPI, application: Application) -> AsyncIterator[MakeCompany]:
    """Make a company without limits, or a person without one, as verifying does; then sign in.

    Their databases go with the test: a mongod has room for so many tables, and refuses more.
    """
    made: list[str] = []

    async def make(name: str = "Acme", account_type: str = "company") -> Company:
        plane = ControlPlane(application.deployment.system(), application.control)
        email = f"{name.lower()}-{ObjectId()}@example.com"
        registration = Registration(
            email=email,
            account_id=ObjectId(),
            account_type=AccountType(account_type),
            company_name=name,
            password_hash=await application.control.passwords.hash(PASSWORD),
            salt=b"",
            number=1,
            code_ends_at=plane.clock.now(),
            decoy=False,
        )
        account_id, _ = await accounts.establish(plane, registration)
        await application.deployment.tenancy.catalog.alter(
            {"_id": str(account_id)}, {"$set": {"limits": dict.fromkeys(LIMITS)}}
        )
        tokens = await sign_in.log_in(plane, Credentials(email, PASSWORD))
        workspace: Any = None
        if account_type == "company":
            made.append(str(account_id))
            db = await application.deployment.tenancy.open(str(account_id))
            workspace = workspace_for_operator(db, application.workspaces)
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        return Company(str(account_id), email, headers, tokens.refresh_token, workspace)

    yield make
    await forget_tenants(application, made)


async def forget_tenants(application: Application, tenant_ids: Iterable[str]) -> None:
    """Drop tenants' databases, and their rows of the catalog."""
    deployment = application.deployment
    client = deployment.clusters.client("main", OPERATOR)
    for tenant_id in tenant_ids:
        await deployment.system()[TENANTS].delete_many({"_id": tenant_id})
        await client.drop_database(f"jazzaam_company_{tenant_id}")


@pytest.fixture
async def acme(make_company: MakeCompany) -> Company:
    return await make_company("Acme")


@pytest.fixture
async def globex(make_company: MakeCompany) -> Company:
    return await make_company("Globex")


@pytest.fixture
def as_member() -> Callable[[Company], dict[str, str]]:
    return lambda company: company.headers


@pytest.fixture
def run_jobs(app: FastAPI, application: Application) -> Callable[..., Awaitable[int]]:
    """Run what is due for one company, or for the control plane; gives how many there were."""

    async def run(company: Company | None = None) -> int:
        tenant_id = company.id if company else None
        db = company.db if company else application.deployment.system()
        runner, now = create_runner(application), application.control.clock.now()
        due = [row for row in await outbox.next_due(db, 1000) if row.due_at <= now]
        for row in due:
            await runner.run(Place("main", tenant_id, row.job_id, row.attempt))
        return len(due)

    return run


@asynccontextmanager
async def at_work(application: Application) -> AsyncIterator[None]:
    """Run a relay and a worker, as a worker process without a broker does."""
    stop = asyncio.Event()
    broker = create_broker(application.settings)
    parts = [create_relay(application, broker), create_worker(application, broker)]
    running = [asyncio.create_task(part.run(stop=stop)) for part in parts]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


@pytest.fixture
def outbox_folder(settings: Settings) -> Path:
    return settings.data_dir / "outbox"


@pytest.fixture
async def root(mongod):
    """MongoDB as its administrator sees it."""
    async with AsyncMongoClient(mongod.uri("jazzaam_root"), tz_aware=True) as client:
        yield client


@pytest.fixture
async def join(client: httpx2.AsyncClient, make_company: MakeCompany, plane: ControlPlane) -> Any:
    """Make a person who works in a company; gives them, with a session there."""

    async def join(company: Company, role: Role = Role.member) -> tuple[Company, dict[str, str]]:
        person = await make_company("Person", account_type="user")
        team = MembershipRepository(plane.db, ObjectId(company.id))
        await team.add(ObjectId(person.id), role, plane.clock.now())
        return person, await enter(client, person.headers, company)

    return join


async def enter(client: httpx2.AsyncClient, headers: dict[str, str], company: Company) -> dict[str, str]:
    """Switch to another company; gives the headers of that session."""
    answer = await client.post(
        "/api/v1/auth/switch-company", json={"companyId": company.id}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['accessToken']}"}
