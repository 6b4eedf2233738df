"""What connections contribute."""

from jazzaam.control.crm_connections.endpoints import router
from jazzaam.control.crm_connections.models import CRM_INTEGRATIONS
from jazzaam.feature import Feature

FEATURE = Feature("crm_connections", router=router, system_collections=(CRM_INTEGRATIONS,))
