"""What usage contributes."""

from jazzaam.crm.usage.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("usage", router=router)
