"""What invitations contribute."""

from jazzaam.control.invitations.models import INVITATIONS
from jazzaam.feature import Feature

FEATURE = Feature("invitations", system_collections=(INVITATIONS,))
