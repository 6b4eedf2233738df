"""What billing contributes."""

from jazzaam.control.billing.endpoints import router
from jazzaam.control.billing.models import BILLING_HISTORIES
from jazzaam.feature import Feature

FEATURE = Feature("billing", router=router, system_collections=(BILLING_HISTORIES,))
