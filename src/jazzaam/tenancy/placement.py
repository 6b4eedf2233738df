"""Where a new tenant goes: the cluster with the most room, if any has enough.

Each collection and each index is a table, a table is a file, and a mongod that runs out of descriptors
aborts, for every tenant. So a mongod has a budget of tables: its descriptor limit less a reserve. It
derives its limit of connections from the same descriptors (80 %), which is how the limit is read here.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import ConnectionFailure, ServerSelectionTimeoutError

from jazzaam.logging import get_logger
from jazzaam.tenancy.clusters import Clusters, silent
from jazzaam.tenancy.errors import ClusterAway, ClusterFull, ClusterSilent

log = get_logger(__name__)

CONNECTIONS_SHARE: Final = 0.8
"""What part of its descriptors mongod lends to connections, unless it is configured to lend fewer."""
RESERVE_SHARE: Final = 0.25
"""What part of its descriptors is kept for connections, logs and journals."""
KEPT_FROM_SIGN_UPS: Final = 0.1
"""What part of the budget only an operator may use: for imports, restores and moves."""
_REMEMBERED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class TableBudget:
    """A cluster's tables: how many there are, and how many there may be."""

    used: int
    limit: int

    def room(self, *, for_operator: bool) -> int:
        """Give how many tables may still be made."""
        limit = self.limit if for_operator else int(self.limit * (1 - KEPT_FROM_SIGN_UPS))
        return limit - self.used


def budget_of(status: Mapping[str, Any], limit: int | None) -> TableBudget | None:
    """Read a budget from `serverStatus`; None when the server does not say (a mongos).

    `limit` is the operator's own, in tables; a mongod's descriptors bound it all the same.
    """
    try:
        catalog, connections = status["catalogStats"], status["connections"]
        collections = catalog["collections"] + catalog["internalCollections"]
        used = int(collections + status["indexStats"]["count"])
        descriptors = (connections["current"] + connections["available"]) / CONNECTIONS_SHARE
    except KeyError:
        return None
    derived = int(descriptors * (1 - RESERVE_SHARE))
    return TableBudget(used, derived if limit is None else min(limit, derived))


class Placement:
    """Chooses a cluster for each new tenant; budgets are read at most every 5 seconds."""

    def __init__(self, clusters: Clusters, *, table_limit: int | None = None) -> None:
        self._clusters = clusters
        self._table_limit = table_limit
        self._known: dict[str, tuple[float, TableBudget | None]] = {}

    async def choose(self, tables: int, *, for_operator: bool = False) -> str:
        """Name the cluster with the most room; raises `ClusterFull` when none has room for `tables`.

        A cluster that does not answer gets nobody. Raises `ClusterSilent` or `ClusterAway` when none does.
        """
        rooms: dict[str, float] = {}
        silent: ClusterSilent | ClusterAway | None = None
        for name in self._clusters.names:
            try:
                budget = await self.budget(name)
            except (ClusterSilent, ClusterAway) as error:
                silent = error
                log.warning("placement.cluster_silent", cluster=name)
                continue
            rooms[name] = float("inf") if budget is None else budget.room(for_operator=for_operator)
        if not rooms and silent is not None:
            raise silent
        name = max(rooms, key=lambda one: rooms[one])
        if rooms[name] < tables:
            raise ClusterFull
        self._count(name, tables)
        return name

    async def require_room(self, name: str, tables: int) -> None:
        """Go on only if a tenant of a cluster may have so many tables more; raises `ClusterFull`."""
        budget = await self.budget(name)
        if budget is None or not tables:
            return
        if budget.room(for_operator=True) < tables:
            raise ClusterFull
        self._count(name, tables)

    async def budget(self, name: str) -> TableBudget | None:
        """Read a cluster's budget; None when it has none. Raises `ClusterSilent`, `ClusterAway`."""
        known = self._known.get(name)
        if known is not None and time.monotonic() - known[0] < _REMEMBERED_SECONDS:
            return known[1]
        client = self._clusters.client(name)
        try:
            with self._clusters.asking(name):
                status = await client.admin.command("serverStatus")
        except (ServerSelectionTimeoutError, ConnectionFailure) as error:
            raise silent(client, name, error) from None
        budget = budget_of(status, self._table_limit)
        self._known[name] = (time.monotonic(), budget)
        return budget

    def _count(self, name: str, tables: int) -> None:
        """Count what is about to be made until the server is asked again."""
        read_at, budget = self._known[name]
        if budget is not None:
            self._known[name] = (read_at, TableBudget(budget.used + tables, budget.limit))
