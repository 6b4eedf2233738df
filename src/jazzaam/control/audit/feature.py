"""What the audit log contributes."""

from jazzaam.control.audit.models import AUDIT_LOGS
from jazzaam.feature import Feature

FEATURE = Feature("audit", system_collections=(AUDIT_LOGS,))
