"""What this package contributes: its collection; its rules come with a later feature."""

from jazzaam.crm.engagement.models import ENGAGEMENTS
from jazzaam.feature import Feature

FEATURE = Feature("engagement", collections=(ENGAGEMENTS,))
