"""Why a query on a shared collection may be meant for every company: each reason by name, and no other.

A test watches the commands that are sent to MongoDB, and fails for one that names neither a company nor one
of these.
"""

from typing import Final

from jazzaam.tenancy.encryption_keys import ENCRYPTED_REASON

UNSCOPED_REASONS: Final = frozenset(
    {
        "sign-in by address",
        "the session's own rows",
        "an account's companies",
        "a new account",
        "a key's hash",
        "an invitation's own token",
        "the fleet's names",
        ENCRYPTED_REASON,
        "keys of an account that starts anew",
        "whose chains there are",
        "the heads of all chains",
        "a person is erased",
    }
)
