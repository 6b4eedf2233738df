"""What the trash contributes."""

from jazzaam.crm.trash.jobs import empty_trash
from jazzaam.feature import Feature

FEATURE = Feature("trash", jobs=(empty_trash,))
