"""`auditlogs`: who did what, in one chain of rows for each company, and one for what is of no company.

The names are the original's where it had one. A row's `personal` part holds everything that may tell of a
person; its chain covers a digest of it alone, so that a person can be erased and the chain still holds.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

AUDIT_LOGS: Final = CollectionSpec(
    "auditlogs",
    indexes=(
        IndexSpec("a company's chain: one row at each place", (("companyId", 1), ("seq", 1)), unique=True),
        IndexSpec("a job writes one row", (("companyId", 1), ("jobId", 1)), unique=True),
        IndexSpec("a company's log, newest first", (("companyId", 1), ("createdAt", -1), ("_id", -1))),
        IndexSpec("what was written lately, whose heads are told", (("writtenAt", 1),)),
    ),
    owner_key="companyId",
)

AUDIT_HEADS: Final = CollectionSpec("auditheads")
"""How far the heads of all chains were told outside MongoDB: one document, {_id: "told", at}."""

APPEND_CONTROL: Final = "audit.append_control"
APPEND: Final = "audit.append"
APPENDING: Final = (APPEND_CONTROL, APPEND)
"""The jobs that write the log: in the shared database, and in a company's own."""


class Action(StrEnum):
    """What was done."""

    login = "login"
    logout = "logout"
    create = "create"
    update = "update"
    delete = "delete"
    restore = "restore"
    suspend = "suspend"
    export = "export"
    import_ = "import"
    settings_change = "settings_change"
    subscription_change = "subscription_change"


class Resource(StrEnum):
    """What it was done to."""

    account = "user"
    person = "person"
    """Whose name and places were taken out of the log: `fields` say of which rows, by their numbers."""
    session = "session"
    password = "password"  # noqa: S105 - the name of a thing
    second_factor = "secondFactor"
    identity = "identity"
    company = "company"
    settings = "settings"
    logo = "logo"
    membership = "membership"
    preferences = "preferences"
    invitation = "invitation"
    api_key = "apiKey"
    subscription = "subscription"
    support_grant = "supportGrant"
    export = "export"
    form = "form"
    lead = "lead"
    credential = "credential"
    waitlist = "waitlist"
    admin = "admin"


class Outcome(StrEnum):
    """Whether it was done, or tried in vain."""

    success = "success"
    failed = "failed"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from; all empty for what comes from no request."""

    address: str = ""
    agent: str = ""
    request_id: str = ""
