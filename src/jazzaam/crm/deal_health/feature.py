"""What this package contributes: its collection; its rules come with a later feature."""

from jazzaam.crm.deal_health.models import DEAL_HEALTHS
from jazzaam.feature import Feature

FEATURE = Feature("deal_health", collections=(DEAL_HEALTHS,))
