"""What the company's part in the audit log contributes."""

from jazzaam.crm.audit.jobs import append
from jazzaam.feature import Feature

FEATURE = Feature("company audit", jobs=(append,))
