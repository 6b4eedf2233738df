"""The code in a mail: six digits that stand nowhere.

It is computed from a secret of the deployment and the registration's salt when it is mailed, and again
when it is entered, so neither a database nor a queue holds one that could be read or guessed offline.
"""

import hmac
from typing import Final

DIGITS: Final = 6


def code_for(key: bytes, salt: bytes, number: int) -> str:
    """Give code `number` of a registration, as six digits.

    32 bits are reduced to a million codes; none is likelier than another by more than 0.03 %.
    """
    digest = hmac.digest(key, salt + number.to_bytes(4, "big"), "sha256")
    return str(int.from_bytes(digest[:4], "big") % 10**DIGITS).zfill(DIGITS)


def is_right(entered: str, key: bytes, salt: bytes, number: int) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(entered.encode(), code_for(key, salt, number).encode())
