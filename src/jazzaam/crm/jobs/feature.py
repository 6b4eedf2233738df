"""What the job route contributes."""

from jazzaam.crm.jobs.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("jobs", router=router)
