"""What this package contributes: its collection; its rules come with a later feature."""

from jazzaam.crm.follow_ups.models import FOLLOW_UPS
from jazzaam.feature import Feature

FEATURE = Feature("follow_ups", collections=(FOLLOW_UPS,))
