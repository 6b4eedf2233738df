"""What looking after the fleet contributes."""

from jazzaam.control.tenants.endpoints import router
from jazzaam.control.tenants.jobs import close_due, count_usage, keep_ready, plan, repair, repair_keys
from jazzaam.feature import Feature

FEATURE = Feature(
    "tenants", router=router, jobs=(close_due, repair, repair_keys, keep_ready, count_usage, plan)
)
