"""What this package contributes: its collection; its rules come with a later feature."""

from jazzaam.crm.next_best_actions.models import NEXT_BEST_ACTIONS
from jazzaam.feature import Feature

FEATURE = Feature("next_best_actions", collections=(NEXT_BEST_ACTIONS,))
