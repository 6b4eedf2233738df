"""What the waiting list contributes."""

from jazzaam.control.waitlist.endpoints import router
from jazzaam.control.waitlist.jobs import mail_joined
from jazzaam.control.waitlist.models import WAITLISTS
from jazzaam.feature import Feature

FEATURE = Feature("waitlist", router=router, system_collections=(WAITLISTS,), jobs=(mail_joined,))
