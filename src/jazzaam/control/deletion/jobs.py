"""What the end of a company does later: the mails to its owners."""

from typing import Final

from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.deletion.events import CompanyDeleted
from jazzaam.control.mails import RETRY, send
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository, names_of
from jazzaam.control.plane import ControlPlane
from jazzaam.jobs.registry import job

_TEXT: Final = """\
{company} was deleted. Nobody can enter it any more.

Everything of it is erased after {until:%Y-%m-%d %H:%M} UTC. Until then an owner can sign in and restore it:
{url}/restore-company
"""


@job("deletion.mail_owners", atomic=False, retry=RETRY)
async def mail_owners(plane: ControlPlane, event: CompanyDeleted) -> None:
    """Mail every owner until when the company can be restored."""
    team = await MembershipRepository(plane.db, event.company_id).all()
    owners = [row["accountId"] for row in team if row["role"] == Role.owner and row["isActive"]]
    names = await names_of(plane.db, [event.company_id])
    text = _TEXT.format(
        company=" ".join(names.get(event.company_id, "").split()) or "Your company",
        until=event.erase_after,
        url=plane.services.public_url,
    )
    for person in (await AccountRepository(plane.db).people(owners)).values():
        await send(plane.services, person["email"], "Your company was deleted", text)
