"""What memberships contribute."""

from jazzaam.control.memberships.models import MEMBERSHIPS
from jazzaam.feature import Feature

FEATURE = Feature("memberships", system_collections=(MEMBERSHIPS,))
