"""What second factors contribute."""

from jazzaam.control.second_factor.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("second factor", router=router)
"""It stands in the account's own document."""
