"""What a registration keeps until its code is entered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from jazzaam.control.accounts.models import AccountType
from jazzaam.tenancy.collections import CollectionSpec, IndexSpec

REGISTRATION_LASTS: Final = timedelta(hours=24)
CODE_LASTS: Final = timedelta(minutes=15)
CODE_ALMOST_OVER: Final = timedelta(minutes=5)
CODE_TRIES: Final = 5
CODE_TRIES_A_DAY: Final = 20

REGISTRATIONS: Final = CollectionSpec(
    "registrations",
    indexes=(
        IndexSpec("found by the token its registrant holds", (("tokenHash", 1),), unique=True),
        IndexSpec("those never verified", (("expiresAt", 1),)),
    ),
)
"""One row for an address (its `_id`), replaced whole by the next registration."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration that waits for its code.

    `number` counts the codes sent; `salt` and `number` give the code (see `codes`). For an address that
    has an account already, `decoy` is true, no code is valid, and its owner was told by mail.
    """

    email: str
    account_id: ObjectId
    account_type: AccountType
    company_name: str
    password_hash: str
    salt: bytes
    number: int
    code_ends_at: datetime
    decoy: bool
