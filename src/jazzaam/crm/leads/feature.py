"""What leads contribute."""

from jazzaam.crm.leads.endpoints import router
from jazzaam.crm.leads.models import IMPORTS, LEADS, SEARCH_TERMS
from jazzaam.feature import Feature

FEATURE = Feature("leads", router=router, collections=(LEADS, IMPORTS, SEARCH_TERMS))
