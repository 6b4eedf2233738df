"""What the team's routes contribute."""

from jazzaam.control.team.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("team", router=router)
"""Its rows are those of `memberships`."""
