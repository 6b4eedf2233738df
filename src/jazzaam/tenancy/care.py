"""What tenants need again and again: crashes repaired, some kept ready, grace periods ended."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo.errors import ServerSelectionTimeoutError

from jazzaam.logging import get_logger
from jazzaam.tenancy.catalog import PublicKey
from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.credentials import Credentials
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.erasure import Erasure
from jazzaam.tenancy.errors import TenantNotFound
from jazzaam.tenancy.limits import Counter, Limits, count_all
from jazzaam.tenancy.migration import Migrator
from jazzaam.tenancy.models import Tenant, TenantId, TenantStatus
from jazzaam.tenancy.provisioning import Provisioner
from jazzaam.tenancy.tenancy import Tenancy
from jazzaam.tenancy.users import OPERATOR

log = get_logger(__name__)

STALE_AFTER: Final = timedelta(minutes=10)
"""How long something may stay begun before it is taken for the rest of a crash."""
COUNTED_EVERY: Final = timedelta(days=1)
"""How often what a tenant uses is counted anew."""

_NOT_REPAIRED: Final = "could not be repaired"
_BROUGHT: Final = "brought to the present shape"


class Mended(NamedTuple):
    """One thing that was set right, or that a person should look at."""

    about: str
    what: str


class Care:
    """Repairs and keeps. Every step is safe to repeat, also by several processes at once.

    It acts as *operator* where it drops something. `at` is the present; `stale_after` ago and longer is
    what a crash left.
    """

    def __init__(
        self,
        *,
        tenancy: Tenancy,
        clusters: Clusters,
        provisioner: Provisioner,
        erasure: Erasure,
        credentials: Credentials,
        migrator: Migrator,
        collections: Sequence[CollectionSpec],
        limits: Limits,
        counters: Mapping[str, Counter],
    ) -> None:
        self._tenancy = tenancy
        self._catalog = tenancy.catalog
        self._clusters = clusters
        self._provisioner = provisioner
        self._erasure = erasure
        self._credentials = credentials
        self._migrator = migrator
        self._limits = limits
        self._counters = counters
        self._holders = {spec.public_key.kind: spec for spec in collections if spec.public_key is not None}

    async def close_due(self, at: datetime) -> None:
        """Close for good whose grace period is over; what follows is `repair`'s."""
        await self._erasure.close_due(at)

    async def repair(self, at: datetime, *, stale_after: timedelta = STALE_AFTER) -> AsyncGenerator[Mended]:
        """Finish or undo what crashes left; yields what was done. One failure stops no other."""
        for part in (self.repair_tenants, self.repair_keys):
            async for mended in part(at, stale_after=stale_after):
                yield mended

    async def repair_tenants(
        self, at: datetime, *, stale_after: timedelta = STALE_AFTER
    ) -> AsyncGenerator[Mended]:
        """Finish or undo sign-ups, imports, erasures and changes of MongoDB users that crashes cut off."""
        before = at - stale_after
        for status, mend in self._mends(at, before).items():
            for tenant in await self._catalog.tenants(status, matching=_begun_before(status, before)):
                said = await self._try(tenant, lambda mend=mend, tenant=tenant: mend(tenant))
                if said is not None:
                    yield said
        for tenant in await self._catalog.tenants(matching=_USERS_IN_CHANGE):
            said = await self._try(tenant, lambda tenant=tenant: self._mend_users(tenant, at, before))
            if said is not None:
                yield said

    async def repair_keys(
        self, at: datetime, *, stale_after: timedelta = STALE_AFTER
    ) -> AsyncGenerator[Mended]:
        """Activate or release public keys that crashes left reserved.

        A tenant whose keys cannot be looked at has the others of its keys left for the next time: each may
        cost a wait.
        """
        failed: set[TenantId] = set()
        for key, names in await self._catalog.reserved_keys(at - stale_after):
            if names.tenant_id in failed:
                continue
            said = await self._try(names.tenant_id, lambda key=key, names=names: self._mend_key(key, names))
            if said is not None:
                failed |= {names.tenant_id} if said.what.startswith(_NOT_REPAIRED) else set()
                yield said

    async def keep_ready(self, count: int, at: datetime) -> int:
        """Keep `count` tenants of the present shape waiting for sign-ups; gives how many were made so.

        One of an older shape is brought to it first; one that cannot be does not count. The release that
        leads does it alone: two would take each other's away, and build without end.
        """
        if not await self._migrator.leads():
            return 0
        brought = 0
        for tenant in await self._catalog.tenants(TenantStatus.ready):
            if self._migrator.is_behind(tenant):
                said = await self._try(tenant, lambda tenant=tenant: self._bring(tenant))
                brought += said is not None and said.what == _BROUGHT
        return brought + await self._provisioner.keep_ready(count, at)

    async def _bring(self, tenant: Tenant) -> str:
        with await self._tenancy.administer(tenant) as db:
            await self._migrator.migrate(db)
        return _BROUGHT

    async def count_usage(self, at: datetime, *, most: int = 100) -> int:
        """Count anew what tenants use that were not counted for a day; gives how many were.

        One that cannot be counted today is due again tomorrow: it keeps nobody else waiting.
        """
        due = await self._limits.uncounted(at - COUNTED_EVERY, most)
        tenants = await self._catalog.tenants(TenantStatus.active, matching={"_id": {"$in": due}})

        async def count(db: TenantDatabase) -> None:
            await self._limits.counted(db.tenant.id, lambda: count_all(self._counters, db), at)

        counted: set[TenantId] = set()
        async for outcome in self._tenancy.each(count, tenants=tenants):
            if outcome.error is not None:
                log.warning("care.not_counted", tenant=outcome.tenant_id, error=repr(outcome.error))
            elif not outcome.skipped:
                counted.add(outcome.tenant_id)
        for tenant_id in set(due) - counted:
            await self._limits.put_off(tenant_id, at)
        return len(counted)

    def _mends(
        self, at: datetime, before: datetime
    ) -> Mapping[TenantStatus, Callable[[Tenant], Awaitable[str | None]]]:
        return {
            TenantStatus.provisioning: lambda tenant: self._finish_or_undo(tenant, at),
            TenantStatus.claimed: lambda tenant: self._take_back(tenant, before),
            TenantStatus.importing: lambda tenant: self._undo(tenant, at),
            TenantStatus.erasing: lambda tenant: self._go_on_erasing(tenant, at),
        }

    async def _finish_or_undo(self, tenant: Tenant, at: datetime) -> str | None:
        """Finish what was built ahead of time for this release; undo another's, and what was asked for."""
        journal = await self._catalog.journal(tenant.id, {"spare": 1})
        if journal is not None and journal.get("spare") and not self._migrator.is_behind(tenant):
            return "built, and ready now" if await self._provisioner.make_ready(tenant) else None
        return await self._undo(tenant, at)

    async def _undo(self, tenant: Tenant, at: datetime) -> str | None:
        undone = await self._provisioner.undo(tenant, at)
        return "taken back: it never opened" if undone else None

    async def _take_back(self, tenant: Tenant, before: datetime) -> str | None:
        back = await self._catalog.alter(
            {"_id": tenant.id, "status": TenantStatus.claimed, "claimedAt": {"$lt": before}},
            {"$set": {"status": TenantStatus.ready}, "$unset": {"claim": "", "claimedAt": ""}},
        )
        return "its sign-up never ended: ready again" if back else None

    async def _go_on_erasing(self, tenant: Tenant, at: datetime) -> str | None:
        """Erase what was closed for good, after the fence; undo what was taken back half-way.

        Only the release that leads erases: an older one does not know of everything.
        """
        closed_at = await self._erasure.closed_at(tenant.id)
        if closed_at is None:
            return await self._undo(tenant, at)
        if closed_at + self._erasure.fence > at or not await self._migrator.leads():
            return None
        await self._erasure.finish(tenant.id, at)
        return "erased"

    async def _mend_users(self, tenant: Tenant, at: datetime, before: datetime) -> str | None:
        journal = await self._catalog.journal(tenant.id, {"credentialBegunAt": 1, "credentialPending": 1})
        said: list[str] = []
        if journal and "credentialPending" in journal and journal["credentialBegunAt"] < before:
            await self._credentials.undo(tenant.id)
            said.append("a change of its MongoDB user was taken back")
        dropped = await self._credentials.retire(tenant.id, at)
        said += [f"its old MongoDB user {name} was dropped" for name in dropped]
        return "; ".join(said) or None

    async def _mend_key(self, key: str, names: PublicKey) -> str | None:
        """Activate a reserved key whose document was written, and release one whose was not.

        The keys of a tenant that is not open yet are of who builds it, those of an unknown kind of another
        release.
        """
        tenant, spec = await self._catalog.find(names.tenant_id), self._holders.get(names.kind)
        if tenant is None:
            await self._catalog.release_key(key, names)
            return "a public key of nothing was released"
        opened = tenant.status in (TenantStatus.active, TenantStatus.suspended)
        if not opened or spec is None or spec.public_key is None:
            return None
        with self._clusters.asking(tenant.cluster), await self._tenancy.administer(tenant) as db:
            written = await db[spec].find_one({spec.public_key.field: key}, {"_id": 1})
        if written is None:
            await self._catalog.release_key(key, names)
            return "a public key whose document was never written was released"
        await self._catalog.activate_key(key, names)
        return "a public key was activated"

    async def strays(self, *, drop_returned: bool = False) -> AsyncGenerator[Mended]:
        """Report rows that nobody can read, and databases that no company of the catalog has.

        The database of an erased company may have come back with an old backup. With `drop_returned` it is
        dropped: not by itself, since another installation with this prefix may have a company of that id.
        """
        for tenant_id in await self._catalog.unreadable():
            yield Mended(tenant_id, "its row in the catalog cannot be read: look at it")
        prefix = self._tenancy.naming.prefix
        for cluster in self._clusters.names:
            client = self._clusters.client(cluster, OPERATOR)
            names = await client.list_database_names()
            ours = {name for name in names if name.startswith(prefix)}
            known = await self._catalog.databases()
            for name in sorted(ours - known):
                if not await self._was_erased(name.removeprefix(prefix)):
                    yield Mended(name, "no company of the catalog has this database: left as it is")
                elif drop_returned:
                    await client.drop_database(name)
                    yield Mended(name, "the database of an erased company had come back: dropped")
                else:
                    yield Mended(name, "a database of an erased company's name: --drop-returned drops it")

    async def _was_erased(self, text: str) -> bool:
        try:
            return await self._erasure.is_erased(self._tenancy.naming.parse(text))
        except TenantNotFound:
            return False

    async def _try(
        self, about: Tenant | TenantId, mend: Callable[[], Awaitable[str | None]]
    ) -> Mended | None:
        """Mend one thing, and say what was done or why not; a cluster that is away is not asked again."""
        tenant_id, cluster = (about.id, about.cluster) if isinstance(about, Tenant) else (about, "")
        if cluster in self._clusters.silent:
            return Mended(tenant_id, "could not be looked at: its cluster does not answer")
        try:
            said = await mend()
        except Exception as error:  # noqa: BLE001 - one tenant's trouble stops no other's repair
            if cluster and isinstance(error, ServerSelectionTimeoutError):
                self._clusters.fell_silent(cluster)
            log.warning("care.failed", tenant=tenant_id, error=type(error).__name__)
            return Mended(tenant_id, f"{_NOT_REPAIRED}: {type(error).__name__}")
        return Mended(tenant_id, said) if said else None


_USERS_IN_CHANGE: Final[Mapping[str, Any]] = {
    "$or": [{"credentialPending": {"$exists": True}}, {"credentialsRetiring.0": {"$exists": True}}]
}


def _begun_before(status: TenantStatus, before: datetime) -> Mapping[str, Any]:
    """Say which rows of a state are what a crash left."""
    if status is TenantStatus.claimed:
        return {"claimedAt": {"$lt": before}}
    if status is TenantStatus.importing:
        return {"importedAt": {"$lt": before}}
    if status is TenantStatus.erasing:
        return {}
    return {"createdAt": {"$lt": before}}
