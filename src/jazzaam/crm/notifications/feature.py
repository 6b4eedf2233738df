"""What notifications contribute."""

from jazzaam.crm.notifications.endpoints import router
from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.feature import Feature

FEATURE = Feature("notifications", router=router, collections=(NOTIFICATIONS,))
