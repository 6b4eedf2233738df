"""What forms contribute."""

from jazzaam.crm.forms import endpoints, public
from jazzaam.crm.forms.jobs import (
    activate_key,
    notify_new_lead,
    notify_quarantine,
    notify_submitted_again,
)
from jazzaam.crm.forms.models import FORM_STATS, FORMS, SUBMISSIONS
from jazzaam.feature import Feature

FEATURE = Feature(
    "forms",
    router=endpoints.router,
    strangers=public.router,
    pages=public.pages,
    collections=(FORMS, SUBMISSIONS, FORM_STATS),
    jobs=(notify_new_lead, notify_submitted_again, notify_quarantine, activate_key),
)
