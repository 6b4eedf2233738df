"""What the contact form contributes."""

from jazzaam.control.contact.endpoints import router
from jazzaam.control.contact.jobs import mail_message
from jazzaam.control.contact.models import CONTACTS
from jazzaam.feature import Feature

FEATURE = Feature("contact", router=router, system_collections=(CONTACTS,), jobs=(mail_message,))
