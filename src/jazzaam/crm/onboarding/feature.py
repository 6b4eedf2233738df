"""What onboarding contributes."""

from jazzaam.crm.onboarding.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("onboarding", router=router)
