"""What the service catalogue contributes."""

from jazzaam.control.catalogue.endpoints import router
from jazzaam.control.catalogue.models import SERVICES
from jazzaam.feature import Feature

FEATURE = Feature("catalogue", router=router, system_collections=(SERVICES,))
