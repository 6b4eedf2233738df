"""What support access contributes."""

from jazzaam.control.support.endpoints import router
from jazzaam.control.support.models import SUPPORT_GRANTS
from jazzaam.feature import Feature

FEATURE = Feature("support", router=router, system_collections=(SUPPORT_GRANTS,))
