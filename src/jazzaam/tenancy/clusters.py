"""Named clusters: one client for each and each of our users, shared by all tenants that live there."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import (
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from jazzaam.tenancy.errors import ClusterAway, ClusterSilent, ClusterUnknown, DeploymentUnfit
from jazzaam.tenancy.users import APP, ClusterUser

OLDEST_SERVER: Final = (6, 0)
DEDICATED_CONNECTIONS: Final = 10
"""Connections a dedicated tenant's client holds at most."""
CONNECT_SECONDS: Final = 5.0
"""How long connecting and choosing a server may take, unless it is said."""
SILENCE_SECONDS: Final = 5.0
"""How long a cluster that did not answer is not asked again, but by one."""

Client = AsyncMongoClient[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A MongoDB deployment by name.

    `uri` gives the connection string for one of our users; it holds credentials and is never logged.
    """

    name: str
    uri: Callable[[ClusterUser], str]


class Clusters:
    """The clusters of this process. Clients belong to the event loop that first uses them.

    `user` is who this process is unless it says otherwise. Every wait ends: connecting and choosing a
    server after `connect_seconds`, an answer after 30.
    """

    def __init__(
        self,
        clusters: Sequence[Cluster],
        *,
        user: ClusterUser = APP,
        event_listeners: Sequence[Any] = (),
        max_pool_size: int = 100,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._user = user
        self._listeners = list(event_listeners)
        self._max_pool_size = max_pool_size
        self._connect_ms = round(connect_seconds * 1000)
        self._clients: dict[tuple[str, str], Client] = {}
        self._silent_until: dict[str, float] = {}

    @property
    def names(self) -> list[str]:
        """Name the clusters; the shared database is on the first."""
        return list(self._clusters)

    def client(self, name: str, user: ClusterUser | None = None) -> Client:
        """Give a cluster's client; raises `ClusterUnknown`."""
        user = user or self._user
        client = self._clients.get((name, user.name))
        if client is None:
            client = self._connect(name, user, self._max_pool_size, {})
            self._clients[name, user.name] = client
        return client

    @property
    def silent(self) -> list[str]:
        """Name the clusters that did not answer a moment ago."""
        now = time.monotonic()
        return [name for name, until in self._silent_until.items() if now < until]

    @contextmanager
    def asking(self, name: str) -> Generator[None]:
        """Ask a cluster in a block, unless it did not answer a moment ago.

        Waiting for one that is away costs seconds and a place in every queue: one asks at a time, and all
        others are refused. Raises `ClusterAway`, and the driver's errors.
        """
        if name in self.silent:
            raise ClusterAway
        if name in self._silent_until:
            self._silent_until[name] = time.monotonic() + SILENCE_SECONDS
        try:
            yield
        except (ServerSelectionTimeoutError, NetworkTimeout):
            self.fell_silent(name)
            raise
        except OperationFailure:  # that is an answer
            self._silent_until.pop(name, None)
            raise
        self._silent_until.pop(name, None)

    def fell_silent(self, name: str) -> None:
        """Note that a cluster did not answer."""
        self._silent_until[name] = time.monotonic() + SILENCE_SECONDS

    def connect_as(self, name: str, username: str, password: str) -> Client:
        """Make a client with another user's credentials; it is the caller's to close."""
        own = {"username": username, "password": password, "authSource": "admin"}
        return self._connect(name, self._user, DEDICATED_CONNECTIONS, own)

    def _connect(
        self, name: str, user: ClusterUser, connections: int, credentials: Mapping[str, Any]
    ) -> Client:
        try:
            cluster = self._clusters[name]
        except KeyError:
            raise ClusterUnknown(f"The catalog names a cluster {name!r} that is not configured.") from None
        return AsyncMongoClient(
            cluster.uri(user),
            tz_aware=True,
            appname="jazzaam",
            connectTimeoutMS=self._connect_ms,
            serverSelectionTimeoutMS=self._connect_ms,
            waitQueueTimeoutMS=5_000,
            socketTimeoutMS=30_000,
            readPreference="primary",
            w="majority",
            event_listeners=self._listeners,
            maxPoolSize=connections,
            **credentials,
        )

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            await client.close()


def silent(client: Client, name: str, error: PyMongoError) -> ClusterSilent:
    """Say in one line that a cluster did not answer, and how long it was waited for."""
    waited = client.options.server_selection_timeout
    return ClusterSilent(
        f"The MongoDB cluster {name!r} does not answer; waited {waited:g} s: {plain(error)}"
    )


async def has_database(client: Client, name: str) -> bool:
    """Check whether a cluster has a database of this name; the user may have to list databases."""
    found = await client.admin.command("listDatabases", filter={"name": name}, nameOnly=True)
    return bool(found["databases"])


async def require_fit(client: Client, name: str) -> None:
    """Refuse a deployment that cannot hold Jazzaam.

    Raises `DeploymentUnfit` in one line: a standalone (it has neither transactions nor change streams),
    or too old. Raises `ClusterSilent` when it does not answer.
    """
    try:
        hello = await client.admin.command("hello")
        version = (await client.admin.command("buildInfo"))["versionArray"]
    except ServerSelectionTimeoutError as error:
        raise silent(client, name, error) from None
    except PyMongoError as error:
        raise DeploymentUnfit(f"The MongoDB cluster {name!r} refuses us: {plain(error)}") from None
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise DeploymentUnfit(
            f"The MongoDB cluster {name!r} is a standalone: it has no transactions and no change streams. "
            "Start it as a replica set (one node is enough) or point JAZZAAM_MONGODB_URI at one."
        )
    if tuple(version[:2]) < OLDEST_SERVER:
        found = ".".join(map(str, version[:3]))
        raise DeploymentUnfit(f"The MongoDB cluster {name!r} is {found}; Jazzaam needs 6.0 or later.")


def plain(error: PyMongoError) -> str:
    """Put a driver's error in one short line, without addresses beyond the host's."""
    return str(error).split(", full error")[0].split(", Timeout")[0].split("\n")[0][:200]
