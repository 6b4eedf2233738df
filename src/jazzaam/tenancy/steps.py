"""The points of a tenant's life after which a process may end, and what it began is still known.

Each is written down before anything that depends on it is done, so the next start, or `jazzaam tenants
repair`, finishes or undoes it. Whoever wants to know where a process stands passes an `Observer`.
"""

from collections.abc import Callable
from enum import StrEnum

from jazzaam.logging import get_logger

log = get_logger(__name__)


class Step(StrEnum):
    """What has just been done."""

    row_written = "provisioning: the catalog knows of it"
    database_built = "provisioning: its database is built"
    made_ready = "provisioning: it waits for a sign-up"
    claimed = "provisioning: a sign-up has claimed it"
    activated = "provisioning: it can be opened"
    erasure_begun = "erasure: its end is written down"
    rows_removed = "erasure: its rows in the shared database are gone"
    users_dropped = "erasure: its MongoDB users are gone"
    database_dropped = "erasure: its database is gone"
    receipt_written = "erasure: what was removed is written down"
    row_removed = "erasure: the catalog has forgotten it"
    credential_begun = "credential: the next epoch is written down"
    user_made = "credential: its MongoDB user is there"
    credential_switched = "credential: the catalog names the new user"
    old_user_dropped = "credential: the old user is gone"
    import_begun = "import: the catalog knows of it"
    collection_loaded = "import: a collection is loaded"
    shape_brought = "import: indexes and validators are there"
    keys_reserved = "import: its public keys are reserved"
    imported = "import: it can be opened"


Observer = Callable[[Step], None]


def log_step(step: Step) -> None:
    """Say it in the log."""
    log.debug("tenancy.step", step=step.name)
