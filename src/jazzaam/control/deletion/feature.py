"""What the end of a company contributes."""

from jazzaam.control.deletion.endpoints import router
from jazzaam.control.deletion.jobs import mail_owner
from jazzaam.feature import Feature

FEATURE = Feature("deletion", router=router, jobs=(mail_owner,))
