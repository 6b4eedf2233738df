"""What the waiting list contributes."""

from jazzaam.control.waitlist.models import WAITLISTS
from jazzaam.feature import Feature

FEATURE = Feature("waitlist", system_collections=(WAITLISTS,))
