"""What a member's preferences contribute."""

from jazzaam.control.preferences.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("preferences", router=router)
