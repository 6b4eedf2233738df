"""The end of an account: what tells of its person goes, what they did in companies stays without them."""

from bson import ObjectId

from jazzaam.control.accounts.repository import Account
from jazzaam.control.api_keys.repository import remove_keys_made_by
from jazzaam.control.audit.chain import ranges_of
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.audit.repository import forget_in_jobs, forget_rows, rows_about
from jazzaam.control.companies.repository import remove_account
from jazzaam.control.contact.repository import ContactRepository
from jazzaam.control.identities.repository import IdentityRepository
from jazzaam.control.invitations.repository import remove_invitations_of
from jazzaam.control.memberships.errors import AccountGone, LastOwner
from jazzaam.control.memberships.models import Actor
from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import (
    MembershipRepository,
    memberships_of,
    remove_memberships_of,
)
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.repository import RegistrationRepository
from jazzaam.control.sessions.repository import SessionRepository
from jazzaam.control.waitlist.repository import WaitlistRepository
from jazzaam.jobs import outbox


async def erase_account(plane: ControlPlane, account: Account, by: Actor) -> list[ObjectId]:
    """Erase an account and what tells of its person in the shared database; gives the companies it was in.

    A company whose document it shares stays, as a company alone. The audit log keeps what was done, without
    who: its chains still hold. Acts as *operator*, who may change the log's personal parts. Raises
    `LastOwner` for who is a company's only owner, `AccountGone`.
    """

    async def work() -> list[ObjectId]:
        places = await memberships_of(plane.db, account.id)
        for place in places:
            team = MembershipRepository(plane.db, place.company_id)
            await team.take_turn()
            if place.role is Role.owner and not await team.other_owners(account.id):
                raise LastOwner(f"This is the only owner of the company {place.company_id}.")
            plane.audit(Action.delete, Resource.membership, account.id, by=by, company=place.company_id)
        await remove_memberships_of(plane.db, account.id)
        await SessionRepository(plane.db).end_all(account.id)
        await IdentityRepository(plane.db).remove_all(account.id)
        await remove_keys_made_by(plane.db, account.id)
        await remove_invitations_of(plane.db, account.email)
        await RegistrationRepository(plane.db).remove(account.email)
        await WaitlistRepository(plane.db).forget(account.email)
        await ContactRepository(plane.db).forget(account.email)
        await outbox.remove_addressed_to(plane.db, account.email)
        if not await remove_account(plane.db, account.id):
            raise AccountGone
        plane.audit(Action.delete, Resource.account, account.id, by=by)
        return [place.company_id for place in places]

    companies = await plane.change(work)
    await forget_in_jobs(plane.db, account.id, account.email)
    await forget_in_logs(plane, account, by)
    return companies


async def forget_in_logs(plane: ControlPlane, account: Account, by: Actor) -> None:
    """Take the person out of every chain; each is told before which of its rows lose what.

    Without such an entry a row that lost its personal part counts as tampered with.
    """
    while found := await rows_about(plane.db, account.id, account.email):

        async def work(found: dict[ObjectId | None, list[int]] = found) -> None:
            for company_id, numbers in found.items():
                plane.audit(
                    Action.delete,
                    Resource.person,
                    account.id,
                    by=by,
                    company=company_id,
                    fields=ranges_of(numbers),
                )

        await plane.change(work)
        for company_id, numbers in found.items():
            await forget_rows(plane.db, company_id, numbers)
