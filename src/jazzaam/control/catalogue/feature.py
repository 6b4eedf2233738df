"""What the service catalogue contributes."""

from jazzaam.control.catalogue.models import SERVICES
from jazzaam.feature import Feature

FEATURE = Feature("catalogue", system_collections=(SERVICES,))
