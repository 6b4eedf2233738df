"""What API keys contribute."""

from jazzaam.control.api_keys.endpoints import router
from jazzaam.control.api_keys.models import API_KEYS
from jazzaam.feature import Feature

FEATURE = Feature("API keys", router=router, system_collections=(API_KEYS,))
