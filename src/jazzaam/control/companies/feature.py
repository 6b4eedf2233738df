"""What companies contribute."""

from jazzaam.control.companies.endpoints import router
from jazzaam.control.companies.models import COMPANIES, PROFILE_FIELDS
from jazzaam.control.companies.repository import adopt_company, remove_company
from jazzaam.feature import Feature
from jazzaam.tenancy.capsule import Portable

FEATURE = Feature(
    "companies",
    router=router,
    system_collections=(COMPANIES,),
    portable=(Portable(COMPANIES, (*PROFILE_FIELDS, "subscriptionPlan"), adopt_company),),
    removers={COMPANIES.name: remove_company},
)
