"""What accounts contribute."""

from jazzaam.control.accounts.endpoints import router
from jazzaam.control.accounts.jobs import forget_registrations, mail_code
from jazzaam.control.accounts.models import OTPS, SESSIONS
from jazzaam.control.rate_limits import RATE_LIMITS
from jazzaam.control.registrations.models import REGISTRATIONS
from jazzaam.feature import Feature

FEATURE = Feature(
    "accounts",
    router=router,
    system_collections=(REGISTRATIONS, SESSIONS, OTPS, RATE_LIMITS),
    jobs=(mail_code, forget_registrations),
)
