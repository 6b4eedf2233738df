"""A capsule becomes a tenant. The file is hostile input until its signature says otherwise, and after.

It is read twice: once to check everything, before anything is written, and once to load it. It is built
under a row that is *importing*, which nobody can open, and becomes a tenant with the last write. Names,
indexes and validators come from the declared shape; the file's are for whoever reads it with other tools.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bson import ObjectId
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    PyMongoError,
)

from jazzaam.logging import get_logger
from jazzaam.signing import Keyring
from jazzaam.tasks import end_tasks
from jazzaam.tenancy import schema
from jazzaam.tenancy.capsule import Portable
from jazzaam.tenancy.capsule_check import Checked, check, require_decodable
from jazzaam.tenancy.capsule_format import (
    CapsuleRefused,
    Kind,
    decode,
    decode_strictly,
    documents_in,
    reading,
    records,
)
from jazzaam.tenancy.catalog import Catalog, PublicKey
from jazzaam.tenancy.change import change
from jazzaam.tenancy.clusters import Clusters, has_database
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.database import SystemDatabase
from jazzaam.tenancy.erasure import Erasure
from jazzaam.tenancy.errors import TenantExists
from jazzaam.tenancy.limits import Counter, Limits, count_all
from jazzaam.tenancy.migration import Migrator
from jazzaam.tenancy.models import Tenant, TenantId, TenantNaming, TenantStatus
from jazzaam.tenancy.placement import Placement
from jazzaam.tenancy.provisioning import Provisioner
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.steps import Observer, Step, log_step
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.users import OPERATOR

log = get_logger(__name__)

_AT_ONCE: Final = 1_000
_ALIVE_SECONDS: Final = 30
"""How often an import says that it goes on."""


Also = Callable[[SystemDatabase, TenantId, Checked], Awaitable[None]]
"""What is written of an imported tenant besides its portable rows, in the running change."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a capsule."""

    tenant: Tenant
    documents: int
    new_keys: int


class Importer:
    """Makes tenants of capsules; acts as *operator*. `new_key` makes a public key, `is_key` knows one."""

    def __init__(
        self,
        *,
        system: Callable[[], SystemDatabase],
        naming: TenantNaming,
        clusters: Clusters,
        catalog: Catalog,
        placement: Placement,
        tenancy: Tenancy,
        migrator: Migrator,
        provisioner: Provisioner,
        erasure: Erasure,
        portable: Sequence[Portable],
        allowed: Mapping[str, int | None],
        limits: Limits,
        counters: Mapping[str, Counter],
        new_key: Callable[[], str],
        is_key: Callable[[str], bool],
        observe: Observer = log_step,
    ) -> None:
        self._system = system
        self._naming = naming
        self._clusters = clusters
        self._catalog = catalog
        self._placement = placement
        self._tenancy = tenancy
        self._migrator = migrator
        self._provisioner = provisioner
        self._erasure = erasure
        self._portable = {one.spec.name: one for one in portable}
        self._allowed = allowed
        self._limits = limits
        self._counters = counters
        self._new_key = new_key
        self._is_key = is_key
        self._observe = observe

    async def load(
        self,
        path: Path,
        keyring: Keyring,
        *,
        tenant_id: str | None = None,
        accept_foreign: str | None = None,
        at: Callable[[], datetime],
        also: Also | None = None,
    ) -> Imported:
        """Make a tenant of a capsule, under its own id or another; `also` joins the last transaction.

        A tenant under another id is a copy: what was under way in the first one stays there. A capsule that
        another installation signed is taken only with its file's SHA-256 as `accept_foreign`. What was
        written of an import that fails is taken back. Raises `CapsuleRefused`, `TenantExists` (also for an
        id that was erased), `DatabaseExists`, `ClusterFull`, `Superseded`.
        """
        await self._migrator.require_lead()
        checked = check(path, self._migrator.shape, self._portable, keyring)
        if not checked.ours:
            require_decodable(checked)
            if (accept_foreign or "").lower() != checked.sha256:
                raise CapsuleRefused(
                    "The capsule is of another installation: if you trust it, import it with "
                    f"--accept-foreign {checked.sha256}"
                )
        chosen = self._naming.require(tenant_id or checked.tenant)
        tenant = await self._begin(chosen, checked, at())
        try:
            async with self._saying_so(tenant, at):
                with _refusing():
                    new_keys = await self._build(tenant, checked, at)
                    opened = await self._open(tenant, checked, also)
        except BaseException:
            if not await self._provisioner.undo(tenant, at()):
                await self._drop_what_nobody_has(tenant)
            raise
        await self._catalog.activate_keys(tenant.id)
        with await self._tenancy.administer(opened, OPERATOR) as db:
            await self._limits.counted(opened.id, lambda: count_all(self._counters, db), at())
        shape, itself = self._migrator.shape, _is_itself(tenant, checked)
        taken = [n for name, n in checked.counts.items() if not _is_left_out(shape, name, itself=itself)]
        return Imported(opened, sum(taken), new_keys)

    async def _begin(self, tenant_id: TenantId, checked: Checked, at: datetime) -> Tenant:
        if await self._erasure.is_erased(tenant_id):
            raise TenantExists(f"A company {tenant_id} was erased: import it under another id.")
        await self._make_way(tenant_id)
        cluster = await self._placement.choose(self._migrator.shape.tables, for_operator=True)
        await self._provisioner.require_free(cluster, tenant_id)
        tenant = Tenant(
            id=tenant_id,
            status=TenantStatus.importing,
            cluster=cluster,
            database=self._naming.database(tenant_id),
            schema_fingerprint="",
            data_version=checked.data_version,
            created_at=at,
            limits=self._allowed,
            life=ObjectId(),
        )
        await self._catalog.add_tenant(tenant, {"importedAt": at})
        self._observe(Step.import_begun)
        return tenant

    async def _make_way(self, tenant_id: TenantId) -> None:
        """Take the row of a tenant away whose database was lost: its capsule brings it back."""
        held = await self._catalog.tenants(
            TenantStatus.active, TenantStatus.suspended, matching={"_id": tenant_id}
        )
        for tenant in held:
            there = await has_database(self._clusters.client(tenant.cluster, OPERATOR), tenant.database)
            if not there and await self._catalog.remove_lost(tenant):
                log.warning("import.lost_database_replaced", tenant=tenant.id)

    @asynccontextmanager
    async def _saying_so(self, tenant: Tenant, at: Callable[[], datetime]) -> AsyncGenerator[None]:
        """Say again and again that the import goes on, or it is taken for the rest of a crash."""

        async def say() -> None:
            while True:
                await asyncio.sleep(_ALIVE_SECONDS)
                try:
                    await self._catalog.alter(_as_begun(tenant), {"$set": {"importedAt": at()}})
                except PyMongoError as error:  # said again in a moment
                    log.warning("import.not_said", tenant=tenant.id, error=type(error).__name__)

        saying = asyncio.create_task(say())
        try:
            yield
        finally:
            await end_tasks([saying])

    async def _require_ours(self, tenant: Tenant) -> None:
        """Go on only while nobody took the import for the rest of a crash; raises `CapsuleRefused`."""
        row = await self._catalog.journal(tenant.id, {"life": 1, "status": 1})
        if row is None or row["life"] != tenant.life or row["status"] != TenantStatus.importing:
            raise CapsuleRefused("The import was taken back meanwhile: try again.")

    async def _drop_what_nobody_has(self, tenant: Tenant) -> None:
        """Drop the database that an import went on filling after it was taken back."""
        if await self._catalog.journal(tenant.id, {"_id": 1}) is None:
            await self._clusters.client(tenant.cluster, OPERATOR).drop_database(tenant.database)

    async def _build(self, tenant: Tenant, checked: Checked, at: Callable[[], datetime]) -> int:
        """Load, bring to the shape, and reserve public keys; gives how many keys had to be new ones."""
        shape = self._migrator.shape
        database = self._clusters.client(tenant.cluster, OPERATOR)[tenant.database]
        if not checked.ours:
            there = [one for one in shape.collections if not one.at_first_use or one.name in checked.counts]
            await schema.build(database, [_without_indexes(spec) for spec in there])
        await self._load(tenant, checked, database)
        for name, count in checked.counts.items():
            loaded = await database[name].count_documents({})
            if loaded != count and not _is_left_out(shape, name, itself=_is_itself(tenant, checked)):
                raise CapsuleRefused(f"{name}: {loaded} documents were loaded, the capsule names {count}.")
        await self._strip_secrets(tenant, checked, database)
        with await self._tenancy.administer(tenant, OPERATOR) as db:
            await self._migrator.migrate(db)
        self._observe(Step.shape_brought)
        new_keys = await self._reserve_keys(tenant, database, at())
        self._observe(Step.keys_reserved)
        return new_keys

    async def _load(self, tenant: Tenant, checked: Checked, database: AsyncDatabase[Any]) -> None:
        shape = self._migrator.shape
        itself = _is_itself(tenant, checked)
        left_out = {
            spec.name for spec in shape.collections if _is_left_out(shape, spec.name, itself=itself)
        }
        name = ""
        with reading(checked.path) as opened:
            for kind, payload in records(opened.stream, most_bytes=checked.most_bytes):
                if kind in (Kind.collection, Kind.correction, Kind.row, Kind.manifest):
                    if name:
                        self._observe(Step.collection_loaded)
                    name = str(decode(payload)["name"]) if kind.name in _NAMED else ""
                elif name in left_out:
                    continue
                elif kind is Kind.documents:
                    await self._require_ours(tenant)
                    await _insert(database, name, payload, trusted=checked.ours)
                elif kind is Kind.removed:
                    ids = [decode(one)["_id"] for one in documents_in(payload)]
                    await database[name].delete_many({"_id": {"$in": ids}})
            if opened.sha256() != checked.sha256:
                raise CapsuleRefused("The file was changed while it was imported.")

    async def _strip_secrets(self, tenant: Tenant, checked: Checked, database: AsyncDatabase[Any]) -> None:
        """Take ciphertexts away that belong to another place, and would decrypt nowhere."""
        if _is_itself(tenant, checked):
            return
        for spec in self._migrator.shape.collections:
            for path in spec.encrypted:
                await database[spec.name].update_many({path: {"$exists": True}}, {"$unset": {path: ""}})

    async def _reserve_keys(self, tenant: Tenant, database: AsyncDatabase[Any], at: datetime) -> int:
        """Reserve the keys that documents carry; one that is somebody's already becomes a new one."""
        new_keys = 0
        for spec in self._migrator.shape.collections:
            if spec.public_key is None:
                continue
            path, kind = spec.public_key
            held = database[spec.name].find({path: {"$exists": True}}, {path: 1})
            async for row in held:
                names = PublicKey(tenant.id, kind, str(row["_id"]))
                if not await self._reserve(row[path], names, at):
                    key = self._new_key()
                    await self._reserve(key, names, at)
                    await database[spec.name].update_one({"_id": row["_id"]}, {"$set": {path: key}})
                    new_keys += 1
        return new_keys

    async def _reserve(self, key: object, names: PublicKey, at: datetime) -> bool:
        if not isinstance(key, str) or not self._is_key(key):
            return False
        try:
            await self._catalog.reserve_key(key, names, at)
        except DuplicateKeyError:  # somebody's, or its own from before
            return await self._catalog.names_already(key, names)
        return True

    async def _open(
        self,
        tenant: Tenant,
        checked: Checked,
        also: Also | None,
    ) -> Tenant:
        """Write the tenant's shared rows and open it, in one transaction."""
        system = self._system()

        async def work() -> Tenant | None:
            rows = dict(checked.rows)
            for name, portable in self._portable.items():
                row = rows.get(name, {})  # also without one: the tenant's id must be free there
                listed = {field: row[field] for field in portable.fields if field in row}
                await portable.adopt(system, tenant.id, listed)
            if also is not None:
                await also(system, tenant.id, checked)
            return await self._catalog.alter(
                _as_begun(tenant),
                {"$set": {"status": TenantStatus.active}, "$unset": {"importedAt": ""}},
                within=system,
            )

        opened = await change(system, work)
        if opened is None:
            raise CapsuleRefused("The import was taken back meanwhile: try again.")
        self._catalog.forget(tenant.id)
        self._observe(Step.imported)
        return opened


def _as_begun(tenant: Tenant) -> Mapping[str, Any]:
    return {"_id": tenant.id, "life": tenant.life, "status": TenantStatus.importing}


_NAMED: Final = ("collection", "correction")


async def _insert(database: AsyncDatabase[Any], name: str, payload: bytes, *, trusted: bool) -> None:
    """Insert documents; those of strangers are decoded first, and must meet the validators."""
    documents: Iterator[Any] = (
        (RawBSONDocument(bytes(one)) for one in documents_in(payload))
        if trusted
        else (decode_strictly(one) for one in documents_in(payload))
    )
    while some := list(islice(documents, _AT_ONCE)):
        try:
            await database[name].insert_many(some, ordered=False, bypass_document_validation=trusted)
        except BulkWriteError as error:
            wrong: Any = error.details.get("writeErrors")
            if not wrong:
                raise
            code = wrong[0]["code"]
            raise CapsuleRefused(f"{name}: a document does not fit (error {code}).") from None


@contextmanager
def _refusing() -> Generator[None]:
    """Say in one line that a file's content cannot be what it should; trouble with MongoDB passes."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout):
        raise
    except (PyMongoError, BSONError, KeyError, TypeError, ValueError, OverflowError) as error:
        log.warning("import.refused", error=type(error).__name__, exc_info=True)
        raise CapsuleRefused(f"The capsule's data does not fit: {type(error).__name__}.") from None


def _without_indexes(spec: CollectionSpec) -> CollectionSpec:
    return CollectionSpec(spec.name, validator=spec.validator)


def _is_itself(tenant: Tenant, checked: Checked) -> bool:
    """Tell a tenant that comes back from a copy of one, or of another installation's."""
    return checked.ours and tenant.id == checked.tenant


def _is_left_out(shape: Shape, name: str, *, itself: bool) -> bool:
    """Tell a collection that is not taken over: a copy's work under way, and what can be made again."""
    named = [spec for spec in shape.collections if spec.name == name]
    return any(spec.derived or (spec.transient and not itself) for spec in named)
