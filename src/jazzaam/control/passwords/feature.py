"""What passwords contribute."""

from jazzaam.control.passwords.endpoints import router
from jazzaam.control.passwords.jobs import mail_reset
from jazzaam.feature import Feature

FEATURE = Feature("passwords", router=router, jobs=(mail_reset,))
