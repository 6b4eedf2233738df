"""The MongoDB users of a cluster, and what each may do; none of them is root.

- *app* serves requests and jobs of shared tenants, and the shared database.
- *relay* notices jobs: it finds documents of `jobs`, in any database, and can do nothing else.
- *watcher* hears the changes of a whole cluster, so it could read everything; `tenancy.watching`, the
  one module that uses it, asks for namespaces, ids and operations alone.
- *auditor* adds rows to `auditlogs`, and can neither change nor remove one.
- *caretaker* removes what has ended: databases and users; the worker uses it where the command line is
  *operator*. It can make no user and give no right.
- *operator* changes what exists: it drops databases and keeps users; the command line alone uses it.

A dedicated tenant has a user of its own beside these; see `tenancy.credentials`.
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
    "dropIndex",
    "collMod",
    "changeStream",
    "listCollections",
    "listIndexes",
    "collStats",
    "dbStats",
    "killCursors",
)
_RULE: Final = (
    "dropCollection",
    "dropDatabase",
    "renameCollectionSameDB",
    "bypassDocumentValidation",
    "dbHash",
    "grantRole",
    "revokeRole",
)
_KEEP_USERS: Final = (
    "createUser",
    "dropUser",
    "changePassword",
    "createRole",
    "dropRole",
    "viewUser",
    "viewRole",
)


@dataclass(frozen=True, slots=True)
class ClusterUser:
    """A user, and the role of the same name that holds its privileges."""

    name: str
    privileges: Sequence[Mapping[str, Any]]


APP: Final = ClusterUser(
    "jazzaam_app",
    (
        {"resource": ANYWHERE, "actions": _USE},
        {"resource": {"cluster": True}, "actions": ("serverStatus",)},
    ),
)
RELAY: Final = ClusterUser(
    "jazzaam_relay", ({"resource": {"db": "", "collection": "jobs"}, "actions": ("find",)},)
)
WATCHER: Final = ClusterUser(
    "jazzaam_watcher", ({"resource": ANYWHERE, "actions": ("find", "changeStream")},)
)
AUDITOR: Final = ClusterUser(
    "jazzaam_auditor",
    ({"resource": {"db": "", "collection": "auditlogs"}, "actions": ("find", "insert")},),
)
OPERATOR: Final = ClusterUser(
    "jazzaam_operator",
    (
        {"resource": ANYWHERE, "actions": (*_USE, *_RULE)},
        {"resource": {"db": "admin", "collection": ""}, "actions": _KEEP_USERS},
        {"resource": {"cluster": True}, "actions": ("listDatabases", "serverStatus")},
    ),
)
CARETAKER: Final = ClusterUser(
    "jazzaam_caretaker",
    (
        {"resource": ANYWHERE, "actions": (*_USE, "dropCollection", "dropDatabase")},
        {
            "resource": {"db": "admin", "collection": ""},
            "actions": ("dropUser", "dropRole", "viewUser", "viewRole"),
        },
        {"resource": {"cluster": True}, "actions": ("listDatabases", "serverStatus")},
    ),
)
CLUSTER_USERS: Final = (APP, RELAY, WATCHER, AUDITOR, CARETAKER, OPERATOR)
