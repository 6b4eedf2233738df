"""`jazzaam doctor`: tries what Jazzaam needs of a MongoDB deployment, and leaves nothing behind."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from jazzaam.cli.operation import KEPT
from jazzaam.cli.words import counted
from jazzaam.composition import Application, compose
from jazzaam.config import MAIN_CLUSTER, Settings
from jazzaam.errors import JazzaamError
from jazzaam.integrations.email import MailNotSent
from jazzaam.tenancy.clusters import OLDEST_SERVER, plain
from jazzaam.tenancy.encryption_keys import known_keys
from jazzaam.tenancy.users import APP, AUDITOR, CARETAKER, OPERATOR, RELAY, WATCHER
from jazzaam.worker import create_broker

Client = AsyncMongoClient[dict[str, Any]]
_MOST_NAMED: Final = 5


class Finding(NamedTuple):
    """What was looked at, whether it is good, and what to know or to do."""

    name: str
    good: bool
    says: str


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; one that fails does not stop the rest, but no connection does."""
    application = compose(settings, user=OPERATOR)
    clusters = application.deployment.clusters
    client = clusters.client(MAIN_CLUSTER)
    scratch = f"{settings.database_prefix}doctor_{secrets.token_hex(4)}"
    try:
        reached = await _look("connection", lambda: _connection(client))
        if not reached.good:
            return [reached]
        findings = [reached]
        for name, look in (
            ("version", lambda: _version(client)),
            ("replica set", lambda: _replica_set(client)),
            ("createUser", lambda: _create_user(client)),
            ("dropDatabase", lambda: _drop(client, scratch)),
        ):
            findings.append(await _look(name, look))
        if findings[-1].good:  # or what the next ones write would stay
            findings.append(await _look("transactions", lambda: _transactions(client, scratch)))
            findings.append(await _look("change streams", lambda: _change_streams(client, scratch)))
            await _drop(client, scratch)
        system = settings.system_database
        for user, look in (
            (APP, lambda: _as_app(clusters.client(MAIN_CLUSTER, APP), system)),
            (RELAY, lambda: _as_relay(clusters.client(MAIN_CLUSTER, RELAY), system)),
            (WATCHER, lambda: _as_watcher(clusters.client(MAIN_CLUSTER, WATCHER))),
            (AUDITOR, lambda: _as_auditor(clusters.client(MAIN_CLUSTER, AUDITOR), system)),
            (CARETAKER, lambda: _as_caretaker(clusters.client(MAIN_CLUSTER, CARETAKER), scratch)),
        ):
            findings.append(await _look(f"user {user.name.removeprefix('jazzaam_')}", look))
        findings.append(await _look("release", lambda: _release(application)))
        findings.append(await _look("encryption keys", lambda: _keys(application)))
        findings.append(await _look("companies' databases", lambda: _databases(application)))
        findings.append(await _look("room for companies", lambda: _room(application)))
        findings.append(await _look("files", application.workspaces.files.check))
        findings.append(await _look("mail", application.control.mailer.check))
        findings.append(await _look("audit heads", application.control.audit_heads.check))
        if settings.broker_url is not None:
            findings.append(await _look("broker", lambda: _broker(settings)))
        return findings
    finally:
        await application.deployment.close()


async def _look(name: str, look: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(name, True, await look())
    except PyMongoError as error:
        return Finding(name, False, plain(error))
    except OSError as error:
        return Finding(name, False, f"{error.strerror}: {error.filename}")
    except MailNotSent as error:
        return Finding(name, False, f"the server does not take us: {error}")
    except LookupError as error:
        return Finding(name, False, str(error.args[0]))
    except JazzaamError as error:
        return Finding(name, False, error.detail)


async def _broker(settings: Settings) -> str:
    try:
        await create_broker(settings).reach()
    except Exception as error:  # noqa: BLE001 - each broker's own, which may hold its password
        raise LookupError(f"does not take us: {type(error).__name__}") from None
    return "answers"


async def _connection(client: Client) -> str:
    await client.admin.command("ping")
    return "answers"


async def _version(client: Client) -> str:
    version = (await client.admin.command("buildInfo"))["version"]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
        raise LookupError(f"{version} is too old: 6.0 or later is needed")
    return str(version)


async def _replica_set(client: Client) -> str:
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise LookupError("this is a standalone; start it with --replSet (one node is enough)")
    return str(hello.get("setName", "sharded cluster"))


async def _transactions(client: Client, scratch: str) -> str:
    await client[scratch]["doctor"].insert_one({})
    async with client.start_session() as session:
        await session.start_transaction()
        await client[scratch]["doctor"].insert_one({}, session=session)
        await session.commit_transaction()
    return "several writes happen together"


async def _change_streams(client: Client, scratch: str) -> str:
    async with await client.watch(max_await_time_ms=2000) as stream:
        await client[scratch]["doctor"].insert_one({})
        if await stream.try_next() is None and await stream.try_next() is None:
            raise LookupError("a change of the whole deployment was not seen within seconds")
    return "changes of the whole deployment are seen"


async def _create_user(client: Client) -> str:
    name = f"jazzaam_doctor_{secrets.token_hex(4)}"
    await client.admin.command("createUser", name, pwd=secrets.token_hex(16), roles=[])
    await client.admin.command("dropUser", name)
    return "a company can have a MongoDB user of its own"


async def _drop(client: Client, scratch: str) -> str:
    await client.drop_database(scratch)
    return "an erased company's database can go"


async def _as_app(client: Client, system: str) -> str:
    await client[system]["tenants"].find_one({}, {"_id": 1})
    return "may read the shared database"


async def _as_relay(client: Client, system: str) -> str:
    await client[system]["jobs"].find_one({}, {"_id": 1})
    return "may look at jobs"


async def _as_watcher(client: Client) -> str:
    async with await client.watch(max_await_time_ms=1):
        return "may hear changes"


async def _as_auditor(client: Client, system: str) -> str:
    await client[system]["auditlogs"].find_one({}, {"_id": 1})
    return "may read the audit log"


async def _as_caretaker(client: Client, scratch: str) -> str:
    await _drop(client, scratch)
    await client.admin.command("usersInfo", 1, filter={"user": scratch})
    return "may remove what has ended"


async def _keys(application: Application) -> str:
    known = await known_keys(application.deployment.system())
    missing = sorted(known.keys() - set(application.cipher.key_ids))
    if missing:
        raise LookupError(f"JAZZAAM_ENCRYPTION_KEYS lacks {', '.join(missing)}, which is in use")
    return "all that are in use are there"


async def _release(application: Application) -> str:
    if await application.deployment.migrator.leads():
        return "this one is in charge"
    return (
        "another is in charge: starting this one changes that, or `tenants migrate --lead` after a rollback"
    )


async def _databases(application: Application) -> str:
    """Look for companies whose database is not there."""
    clusters, catalog = application.deployment.clusters, application.deployment.tenancy.catalog
    there = {
        (name, database)
        for name in clusters.names
        for database in await clusters.client(name, OPERATOR).list_database_names()
    }
    tenants = await catalog.tenants(*KEPT)
    lost = [tenant.id for tenant in tenants if (tenant.cluster, tenant.database) not in there]
    if lost:
        names = ", ".join(lost[:_MOST_NAMED]) + (", …" if len(lost) > _MOST_NAMED else "")
        raise LookupError(f"{counted(len(lost), 'is', 'are')} lost; import the capsules of {names}")
    return f"each of {counted(len(tenants), 'company', 'companies')} has its own"


async def _room(application: Application) -> str:
    placement, tables = application.deployment.placement, application.deployment.declared.shape.tables
    said: list[str] = []
    for name in application.deployment.clusters.names:
        budget = await placement.budget(name)
        if budget is None:
            said.append(f"{name}: not told by the server")
            continue
        companies = max(0, budget.room(for_operator=False) // tables)
        said.append(f"{name}: {budget.used} of {budget.limit} tables, about {companies} companies more")
        if not companies:
            raise LookupError(f"{said[-1]}; give mongod more file descriptors, or add a cluster")
    return "; ".join(said)
