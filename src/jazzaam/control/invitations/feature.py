"""What invitations contribute."""

from jazzaam.control.invitations.endpoints import router
from jazzaam.control.invitations.jobs import mail_invitation
from jazzaam.control.invitations.models import INVITATIONS
from jazzaam.feature import Feature

FEATURE = Feature("invitations", router=router, system_collections=(INVITATIONS,), jobs=(mail_invitation,))
