"""What companies contribute."""

from jazzaam.control.companies.models import COMPANIES
from jazzaam.feature import Feature

FEATURE = Feature("companies", system_collections=(COMPANIES,))
