"""What companies contribute."""

from jazzaam.control.companies.models import COMPANIES
from jazzaam.control.companies.repository import remove_company
from jazzaam.feature import Feature

FEATURE = Feature("companies", system_collections=(COMPANIES,), removers={COMPANIES.name: remove_company})
