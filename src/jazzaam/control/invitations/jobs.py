"""What invitations do later: the mail."""

from typing import Final

from jazzaam.control.invitations.events import MemberInvited
from jazzaam.control.invitations.repository import InvitationRepository
from jazzaam.control.invitations.tokens import Named, write_invitation
from jazzaam.control.mails import RETRY, Urgency, plain_name, send
from jazzaam.control.memberships.repository import names_of
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job

_TEXT: Final = """\
Somebody invites you to work with them in Jazzaam, as {role}.
Their company calls itself: {company}

Accept within seven days: {url}/invitation#token={token}
If you do not know them, ignore this mail: nothing happens.
"""


@job("invitations.mail", atomic=False, retry=RETRY)
async def mail_invitation(plane: ControlPlane, event: MemberInvited) -> None:
    """Mail who was invited; an invitation that is gone meanwhile is not mailed."""
    rows = InvitationRepository(plane.db, event.company_id)
    invitation = await rows.find(event.invitation_id, plane.clock.now())
    if invitation is None:
        return
    services = plane.services
    names = await names_of(plane.db, [event.company_id])
    named = Named(event.company_id, invitation.id, invitation.seed)
    text = _TEXT.format(
        company=plain_name(names.get(event.company_id, ""), "(no name)"),
        role=invitation.role,
        url=services.public_url,
        token=write_invitation(services.keyring, named),
    )
    await send(services, invitation.email, "You are invited", text, urgency=Urgency.unasked)
