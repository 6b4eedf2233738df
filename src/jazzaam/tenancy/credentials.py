"""The MongoDB users of a cluster, and what each may do; none of them is root.

*app* serves requests and jobs. *operator* also changes what exists: it drops databases, changes
validators and keeps users, and is used by the command line alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

ANYWHERE: Final[Mapping[str, Any]] = {"db": "", "collection": ""}
"""MongoDB's name for every collection of every database, system collections excepted."""

_USE: Final = (
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "createIndex",
    "changeStream",
    "listCollections",
    "listIndexes",
    "collStats",
    "dbStats",
    "killCursors",
)
_RULE: Final = ("dropCollection", "dropDatabase", "dropIndex", "collMod", "renameCollectionSameDB")


@dataclass(frozen=True, slots=True)
class ClusterUser:
    """A user, and the role of the same name that holds its privileges."""

    name: str
    privileges: Sequence[Mapping[str, Any]]


APP: Final = ClusterUser("jazzaam_app", ({"resource": ANYWHERE, "actions": _USE},))
OPERATOR: Final = ClusterUser(
    "jazzaam_operator",
    (
        {"resource": ANYWHERE, "actions": (*_USE, *_RULE)},
        {
            "resource": {"db": "admin", "collection": ""},
            "actions": (
                "createUser",
                "dropUser",
                "changePassword",
                "createRole",
                "dropRole",
                "grantRole",
                "revokeRole",
                "viewUser",
                "viewRole",
            ),
        },
        {"resource": {"cluster": True}, "actions": ("listDatabases", "serverStatus")},
    ),
)
CLUSTER_USERS: Final = (APP, OPERATOR)
