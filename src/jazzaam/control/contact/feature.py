"""What the contact form contributes."""

from jazzaam.control.contact.models import CONTACTS
from jazzaam.feature import Feature

FEATURE = Feature("contact", system_collections=(CONTACTS,))
