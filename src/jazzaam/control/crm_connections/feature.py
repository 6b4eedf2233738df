"""What connections contribute."""

from jazzaam.control.crm_connections.models import CRM_INTEGRATIONS
from jazzaam.feature import Feature

FEATURE = Feature("crm_connections", system_collections=(CRM_INTEGRATIONS,))
