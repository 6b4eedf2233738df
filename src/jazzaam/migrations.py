"""THE list of data migrations, in the order of their numbers; `tenancy.schema.Migration` says what one is.

A release that changes what is stored adds one here, and `jazzaam tenants migrate` brings every company to
it. Those that every installation has had may go when a release no longer reads what was before them.
"""

from collections.abc import Sequence
from typing import Final

from jazzaam.tenancy.schema import Migration

MIGRATIONS: Final[Sequence[Migration]] = ()
