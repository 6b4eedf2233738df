"""What the dashboard contributes."""

from jazzaam.crm.dashboard.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("dashboard", router=router)
