"""What looking after the fleet contributes."""

from jazzaam.control.tenants.jobs import close_due, count_usage, keep_ready, plan, repair, repair_keys
from jazzaam.feature import Feature

FEATURE = Feature("tenants", jobs=(close_due, repair, repair_keys, keep_ready, count_usage, plan))
