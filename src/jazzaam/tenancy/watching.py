"""Hear of a whole cluster's changes, as *watcher*: where something changed, never what it holds."""

from collections.abc import AsyncGenerator
from typing import Any, Final, NamedTuple

from jazzaam.tenancy.clusters import Clusters
from jazzaam.tenancy.users import WATCHER

_AWAIT_MS: Final = 500
_SHOWN: Final = {"ns": 1, "documentKey": 1, "operationType": 1}


class Change(NamedTuple):
    """One document that changed."""

    database: str
    id: Any


async def inserts(clusters: Clusters, cluster: str, collection: str) -> AsyncGenerator[Change]:
    """Yield each insert into `collection` of any of the cluster's databases, from now on.

    Ends with the driver's error when the stream breaks; what happens until it is opened again is not
    heard.
    """
    of_interest = {"ns.coll": collection, "operationType": "insert"}
    client = clusters.client(cluster, WATCHER)
    async with await client.watch(
        [{"$match": of_interest}, {"$project": _SHOWN}], max_await_time_ms=_AWAIT_MS
    ) as stream:
        async for event in stream:
            yield Change(event["ns"]["db"], event["documentKey"]["_id"])
