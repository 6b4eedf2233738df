"""A tenancy for the length of a test: for our tests, and for those of anyone who uses the core."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from bson import ObjectId
from pymongo.errors import ServerSelectionTimeoutError

from jazzaam.encryption import Cipher
from jazzaam.signing import Keyring
from jazzaam.tenancy.catalog import PUBLIC_KEYS, TENANTS
from jazzaam.tenancy.clusters import CONNECT_SECONDS, Cluster, Clusters
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.deployment import Bounds, Declared, Deployment, deploy
from jazzaam.tenancy.encryption_keys import ENCRYPTION_KEYS
from jazzaam.tenancy.erasure import ERASURES
from jazzaam.tenancy.fleet import FLEET_RUNS
from jazzaam.tenancy.freshness import HEARTBEATS
from jazzaam.tenancy.limits import USAGES
from jazzaam.tenancy.migration import RELEASES
from jazzaam.tenancy.models import TenantNaming
from jazzaam.tenancy.schema import Shape
from jazzaam.tenancy.users import OPERATOR, ClusterUser

CORE_COLLECTIONS: Final = (
    TENANTS,
    PUBLIC_KEYS,
    HEARTBEATS,
    RELEASES,
    ERASURES,
    FLEET_RUNS,
    USAGES,
    ENCRYPTION_KEYS,
)
"""What the core itself keeps in the shared database."""


@asynccontextmanager
async def temporary_tenancy(
    uri: Callable[[ClusterUser], str],
    shape: Shape,
    *,
    names: str = "",
    clusters: Sequence[Cluster] = (),
    system: Sequence[CollectionSpec] = (),
    bounds: Bounds | None = None,
    declare: bool = True,
    connect_seconds: float = CONNECT_SECONDS,
) -> AsyncGenerator[Deployment]:
    """Make a tenancy in databases of its own, and drop all of them after the block.

    `uri` gives the connection string for each of the cluster's users. Several may run in one MongoDB.
    With `names`, those of another that runs, it is a second process of that one, and drops nothing;
    `declare` as in `Deployment.prepare`; a cluster may take `connect_seconds` to answer.
    """
    mine = names or f"test{secrets.token_hex(4)}"
    all_clusters = Clusters(
        [Cluster("main", uri), *clusters], user=OPERATOR, connect_seconds=connect_seconds
    )
    declared = Declared(
        naming=TenantNaming(f"{mine}_tenant_", f"{mine}_system", r"^[0-9a-f]{24}$"),
        shape=shape,
        system=(*CORE_COLLECTIONS, *system),
        watched=(TENANTS.name, PUBLIC_KEYS.name),
        new_id=lambda: str(ObjectId()),
        owner_of=ObjectId,
    )
    cipher = Cipher(Keyring(["not a secret: it lives as long as a test"]))
    deployment = deploy(all_clusters, declared, cipher, bounds=bounds)
    async with deployment.running():
        await deployment.prepare(datetime.now(UTC), declare=declare)
        try:
            yield deployment
        finally:
            if not names:
                await _drop(deployment, mine)


async def _drop(deployment: Deployment, names: str) -> None:
    for tenant in await deployment.tenancy.catalog.tenants():
        with contextlib.suppress(ServerSelectionTimeoutError):
            await deployment.credentials.drop_all(tenant)
    for cluster in deployment.clusters.names:
        client = deployment.clusters.client(cluster)
        with contextlib.suppress(ServerSelectionTimeoutError):  # one that a test has ended
            for name in await client.list_database_names():
                if name.startswith(f"{names}_"):
                    await client.drop_database(name)
