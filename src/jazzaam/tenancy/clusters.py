"""Named clusters: one client for each, shared by all tenants that live there."""

from collections.abc import Sequence
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from jazzaam.tenancy.errors import ClusterUnknown, DeploymentUnfit
from jazzaam.tenancy.models import Cluster

OLDEST_SERVER: Final = (6, 0)


class Clusters:
    """The clusters of this process. Clients belong to the event loop that first uses them.

    Every wait ends: connecting and choosing a server after 5 seconds, an answer after 30.
    """

    def __init__(
        self,
        clusters: Sequence[Cluster],
        *,
        event_listeners: Sequence[Any] = (),
        max_pool_size: int = 100,
    ) -> None:
        self._clients: dict[str, AsyncMongoClient[dict[str, Any]]] = {
            cluster.name: AsyncMongoClient(
                cluster.uri,
                tz_aware=True,
                appname="jazzaam",
                maxPoolSize=max_pool_size,
                connectTimeoutMS=5_000,
                serverSelectionTimeoutMS=5_000,
                waitQueueTimeoutMS=5_000,
                socketTimeoutMS=30_000,
                readPreference="primary",
                w="majority",
                event_listeners=list(event_listeners),
            )
            for cluster in clusters
        }

    @property
    def names(self) -> list[str]:
        """Name the clusters, the first being where new tenants go."""
        return list(self._clients)

    def client(self, name: str) -> AsyncMongoClient[dict[str, Any]]:
        """Give a cluster's client; raises `ClusterUnknown`."""
        try:
            return self._clients[name]
        except KeyError:
            raise ClusterUnknown(f"The catalog names a cluster {name!r} that is not configured.") from None

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            await client.close()


async def require_fit(client: AsyncMongoClient[dict[str, Any]]) -> None:
    """Refuse a deployment that cannot hold Jazzaam.

    Raises `DeploymentUnfit` in one line: unreachable, a standalone (it has neither transactions nor
    change streams), or too old.
    """
    try:
        hello = await client.admin.command("hello")
        version = (await client.admin.command("buildInfo"))["versionArray"]
    except PyMongoError as error:
        raise DeploymentUnfit(f"MongoDB does not answer: {plain(error)}") from None
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise DeploymentUnfit(
            "This MongoDB is a standalone: it has no transactions and no change streams. "
            "Start it as a replica set (one node is enough) or point JAZZAAM_MONGODB_URI at one."
        )
    if tuple(version[:2]) < OLDEST_SERVER:
        found = ".".join(map(str, version[:3]))
        raise DeploymentUnfit(f"This MongoDB is {found}; Jazzaam needs 6.0 or later.")


def plain(error: PyMongoError) -> str:
    """Put a driver's error in one short line, without addresses beyond the host's."""
    return str(error).split(", full error")[0].split(", Timeout")[0].split("\n")[0][:200]
