"""A MongoDB user for each dedicated tenant: made, rotated, revoked.

The user `t_<tenantId>_e<epoch>` may read its tenant's database, write the declared collections there, and
nothing else: it makes no collection, view or index, since all tenants share the tables of a server. It and
its role live in `admin` and outlive the database, so they are dropped by name. The catalog holds its secret
encrypted; a change of users is journaled there: the next epoch is written down before its user is made, and
an old user is written down before the new one takes its place.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from jazzaam.encryption import Cipher, Place
from jazzaam.errors import Conflict
from jazzaam.tenancy.catalog import SECRET_FIELD, TENANTS, Catalog
from jazzaam.tenancy.clusters import Client, Clusters
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.errors import ClusterAway, TenantBusy, TenantNotFound
from jazzaam.tenancy.models import Tenant, TenantId, TenantNaming, TenantStatus, Tier
from jazzaam.tenancy.schema import build
from jazzaam.tenancy.steps import Observer, Step, log_step
from jazzaam.tenancy.users import OPERATOR

GRACE: Final = timedelta(minutes=1)
"""How long a replaced MongoDB user stays, for the work that was begun with it."""
_USER_NOT_FOUND: Final = 11
_USER_EXISTS: Final = 51003
_ROLE_NOT_FOUND: Final = 31
_ROLE_EXISTS: Final = 51002
_LOOK: Final = ("find", "changeStream", "listCollections", "listIndexes", "collStats", "dbStats")
"""What a tenant's user may do with its whole database; it writes the declared collections alone."""
_OF: Final = "jazzaam"
_HELD: Final = [TenantStatus.active, TenantStatus.suspended]


class UserTaken(Conflict):
    """Another installation in this MongoDB has a user of this company's name."""


def user_name(tenant_id: TenantId, epoch: int) -> str:
    """Name a tenant's user."""
    return f"t_{tenant_id}_e{epoch}"


def place_of(tenant_id: TenantId) -> Place:
    """Say where a tenant's secret belongs."""
    return TENANTS.place(tenant_id, tenant_id, SECRET_FIELD)


class Credentials:
    """Keeps the users of dedicated tenants; all but `connect` acts as *operator*.

    A user carries the name of our shared database, and one without it is somebody else's: two installations
    may share a MongoDB.
    """

    def __init__(
        self,
        naming: TenantNaming,
        clusters: Clusters,
        catalog: Catalog,
        cipher: Cipher,
        collections: Sequence[CollectionSpec],
        *,
        observe: Observer = log_step,
    ) -> None:
        self._naming = naming
        self._clusters = clusters
        self._catalog = catalog
        self._cipher = cipher
        self._collections = collections
        self._observe = observe

    async def connect(self, tenant: Tenant) -> Client:
        """Sign in as a dedicated tenant; raises `Undecryptable`, `ClusterAway`, and the driver's errors."""
        assert tenant.credential is not None  # noqa: S101 - asked for dedicated tenants alone
        password = self._cipher.decrypt(tenant.credential.secret, place_of(tenant.id)).decode()
        name = user_name(tenant.id, tenant.credential.epoch)
        client = self._clusters.connect_as(tenant.cluster, name, password)
        try:
            with self._clusters.asking(tenant.cluster):
                await client[tenant.database].command("ping")
        except BaseException as error:
            await client.close()
            if isinstance(error, ServerSelectionTimeoutError):
                raise ClusterAway from None
            raise
        return client

    async def prepare(self, tenant: Tenant) -> None:
        """Make what a dedicated tenant's user cannot: its role, and collections made at their first use.

        Safe to repeat; after a release it brings the role up to date.
        """
        client = self._clusters.client(tenant.cluster, OPERATOR)
        later = [replace(spec, at_first_use=False) for spec in self._collections if spec.at_first_use]
        await build(client[tenant.database], later)
        role, privileges = self._role(tenant.id), self._privileges(tenant)
        try:
            await client.admin.command("createRole", role, privileges=privileges, roles=[])
        except OperationFailure as error:
            if error.code != _ROLE_EXISTS:
                raise
            await client.admin.command("updateRole", role, privileges=privileges, roles=[])

    def _role(self, tenant_id: TenantId) -> str:
        """Name a tenant's role, also by our shared database: two installations may share a MongoDB."""
        return f"{self._naming.system}.t_{tenant_id}"

    def _privileges(self, tenant: Tenant) -> list[dict[str, Any]]:
        def on(collection: str, *actions: str) -> dict[str, Any]:
            return {"resource": {"db": tenant.database, "collection": collection}, "actions": actions}

        declared = sorted(spec.name for spec in self._collections)
        return [on("", *_LOOK), *(on(name, "insert", "update", "remove") for name in declared)]

    async def set_tier(
        self, tenant_id: TenantId, tier: Tier, at: datetime, grace: timedelta = GRACE
    ) -> Tenant:
        """Give a tenant a user of its own, or take it away; does nothing when it is so already.

        Raises `TenantNotFound`, `UserTaken`, or `TenantBusy` while another change of its user is under way.
        """
        tenant = await self._catalog.tenant(tenant_id)
        if tenant.tier is tier:
            return tenant
        if tier is Tier.dedicated:
            return await self.rotate(tenant_id, at, grace)
        return await self._share(tenant, at + grace)

    async def rotate(self, tenant_id: TenantId, at: datetime, grace: timedelta = GRACE) -> Tenant:
        """Make a tenant's next user and let the catalog name it.

        The old one goes with `retire`, after `grace`: until every process has heard, it is still in use.
        Raises `TenantNotFound`, `TenantBusy`, `UserTaken`.
        """
        known = await self._catalog.tenant(tenant_id)
        await self._ours(known.cluster, user_name(tenant_id, 0))  # may we look at users at all?
        tenant = await self._catalog.alter(
            {"_id": tenant_id, "status": {"$in": _HELD}, "credentialPending": {"$exists": False}},
            [
                {
                    "$set": {
                        "credentialPending": {"$add": [{"$ifNull": ["$credentialEpoch", 0]}, 1]},
                        "credentialBegunAt": at,
                    }
                }
            ],
        )
        if tenant is None:
            raise TenantBusy
        self._observe(Step.credential_begun)
        journal = await self._catalog.journal(tenant_id, {"credentialPending": 1})
        if journal is None:
            raise TenantNotFound
        epoch, password = int(journal["credentialPending"]), secrets.token_urlsafe(32)
        try:
            await self._make_user(tenant, epoch, password)
        except UserTaken:
            await self.undo(tenant_id)
            raise
        self._observe(Step.user_made)
        switched = await self._catalog.alter(
            {"_id": tenant_id, "credentialPending": epoch},
            {
                "$set": {
                    "credentialEpoch": epoch,
                    "credential": {
                        "epoch": epoch,
                        "secret": self._cipher.encrypt(password.encode(), place_of(tenant_id)),
                    },
                },
                "$unset": {"credentialPending": "", "credentialBegunAt": ""},
                **_retiring(tenant, at + grace),
            },
        )
        if switched is None:
            raise TenantBusy
        self._observe(Step.credential_switched)
        return switched

    async def retire(self, tenant_id: TenantId, at: datetime) -> list[str]:
        """Drop the users that were replaced and whose grace is over; gives their names. Safe to repeat."""
        journal = await self._catalog.journal(tenant_id, {"cluster": 1, "credentialsRetiring": 1})
        dropped: list[str] = []
        for old in (journal or {}).get("credentialsRetiring", ()):
            if journal is not None and old["until"] <= at:
                gone = await self._drop_user(journal["cluster"], user_name(tenant_id, old["epoch"]))
                await self._catalog.alter(
                    {"_id": tenant_id}, {"$pull": {"credentialsRetiring": {"epoch": old["epoch"]}}}
                )
                dropped += [user_name(tenant_id, old["epoch"])] if gone else []
                self._observe(Step.old_user_dropped)
        if (
            dropped
            and journal is not None
            and not await self._ours(journal["cluster"], _users_of(tenant_id))
        ):
            await self._drop_role(journal["cluster"], tenant_id)  # it is shared again
        return dropped

    async def undo(self, tenant_id: TenantId) -> bool:
        """Take back a change of users that did not end; tells whether there was one."""
        journal = await self._catalog.journal(tenant_id, {"cluster": 1, "credentialPending": 1})
        if journal is None or "credentialPending" not in journal:
            return False
        epoch = journal["credentialPending"]
        await self._drop_user(journal["cluster"], user_name(tenant_id, epoch))
        await self._catalog.alter(
            {"_id": tenant_id, "credentialPending": epoch},
            {
                "$set": {"credentialEpoch": epoch},
                "$unset": {"credentialPending": "", "credentialBegunAt": ""},
            },
        )
        return True

    async def drop_all(self, tenant: Tenant) -> list[str]:
        """Drop every user a tenant ever had, and their role; gives the names of those that were there."""
        names = await self._ours(tenant.cluster, _users_of(tenant.id))
        for name in names:
            await self._drop_user(tenant.cluster, name)
        await self._drop_role(tenant.cluster, tenant.id)
        return names

    async def _share(self, tenant: Tenant, until: datetime) -> Tenant:
        shared = await self._catalog.alter(
            {
                "_id": tenant.id,
                "status": {"$in": _HELD},
                "credential.epoch": tenant.credential.epoch if tenant.credential else 0,
                "credentialPending": {"$exists": False},
            },
            {"$unset": {"credential": ""}, **_retiring(tenant, until)},
        )
        if shared is None:
            raise TenantBusy
        self._observe(Step.credential_switched)
        return shared

    async def _make_user(self, tenant: Tenant, epoch: int, password: str) -> None:
        name = user_name(tenant.id, epoch)
        await self._drop_user(tenant.cluster, name)
        await self.prepare(tenant)
        try:
            await self._clusters.client(tenant.cluster, OPERATOR).admin.command(
                "createUser",
                name,
                pwd=password,
                roles=[self._role(tenant.id)],
                customData={_OF: self._naming.system},
            )
        except OperationFailure as error:
            if error.code != _USER_EXISTS:
                raise
            raise UserTaken from None

    async def _ours(self, cluster: str, name: str | Mapping[str, Any]) -> list[str]:
        """List our users of a name, or that match one."""
        admin = self._clusters.client(cluster, OPERATOR).admin
        ours = {"user": name, f"customData.{_OF}": self._naming.system}
        known = await admin.command("usersInfo", 1, filter=ours)
        return sorted(user["user"] for user in known["users"])

    async def _drop_user(self, cluster: str, name: str) -> bool:
        """Drop one of our users; tells whether it was there. Safe to repeat."""
        if not await self._ours(cluster, name):
            return False
        try:
            await self._clusters.client(cluster, OPERATOR).admin.command("dropUser", name)
        except OperationFailure as error:
            if error.code != _USER_NOT_FOUND:
                raise
            return False
        return True

    async def _drop_role(self, cluster: str, tenant_id: TenantId) -> None:
        """Drop a tenant's role; safe to repeat."""
        try:
            admin = self._clusters.client(cluster, OPERATOR).admin
            await admin.command("dropRole", self._role(tenant_id))
        except OperationFailure as error:
            if error.code != _ROLE_NOT_FOUND:
                raise


def _users_of(tenant_id: TenantId) -> Mapping[str, Any]:
    return {"$regex": f"^t_{re.escape(tenant_id)}_e[0-9]+$"}


def _retiring(tenant: Tenant, until: datetime) -> Mapping[str, Any]:
    if tenant.credential is None:
        return {}
    return {"$push": {"credentialsRetiring": {"epoch": tenant.credential.epoch, "until": until}}}
