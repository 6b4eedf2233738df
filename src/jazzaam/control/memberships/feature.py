"""What memberships contribute."""

from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.control.memberships.repository import remove_memberships
from jazzaam.feature import Feature

FEATURE = Feature(
    "memberships",
    system_collections=(MEMBERSHIPS,),
    removers={MEMBERSHIPS.name: remove_memberships},
)
