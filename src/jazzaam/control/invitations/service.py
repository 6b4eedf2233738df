"""The rules of invitations."""

import secrets
from dataclasses import dataclass

from bson import ObjectId

from jazzaam.control.accounts.models import AccountType, Principal, Session
from jazzaam.control.accounts.opening import TokenPair, proved_by_session, tokens_of, write_session
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.accounts.service import hash_new_password
from jazzaam.control.audit.models import Action, Resource
from jazzaam.control.invitations.errors import InvitationNotFound, SignInToAccept
from jazzaam.control.invitations.events import MemberInvited
from jazzaam.control.invitations.models import INVITATION_LASTS, Invitation
from jazzaam.control.invitations.repository import InvitationRepository
from jazzaam.control.invitations.tokens import read_invitation
from jazzaam.control.memberships.errors import MemberExists
from jazzaam.control.memberships.models import Actor, ActorKind, Member
from jazzaam.control.memberships.permissions import Permission, Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.repository import RegistrationRepository
from jazzaam.control.team.seats import require_seat, seats_in_use, seats_taken
from jazzaam.errors import FieldError, Forbidden, InvalidInput
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.errors import TenantNotFound
from jazzaam.tenancy.models import TenantId, TenantStatus


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What somebody without an account brings to an invitation."""

    password: str | None
    full_name: str


async def list_invitations(plane: ControlPlane, member: Member) -> list[Document]:
    """List the invitations that wait; raises `Forbidden`."""
    member.require(Permission.team_invite)
    rows = await InvitationRepository(plane.db, member.company_id).waiting(plane.clock.now())
    return [{**row, "expiresAt": row["createdAt"] + INVITATION_LASTS} for row in rows]


async def invite(plane: ControlPlane, member: Member, email: str, role: Role) -> Document:
    """Invite an address; the answer does not tell whether it is an account's.

    Raises `Forbidden`, `MemberExists`, `InvitationExists`, `LimitReached` when no seat is free.
    """
    member.require(Permission.team_invite)
    account = await AccountRepository(plane.db).by_email(email)
    now = plane.clock.now()
    new = Invitation(
        ObjectId(), member.company_id, email, role, secrets.token_bytes(16), now, member.account_id
    )

    async def work() -> ObjectId:
        team = MembershipRepository(plane.db, member.company_id)
        waiting = InvitationRepository(plane.db, member.company_id)
        await team.take_turn()
        await team.require(member.account_id, Permission.team_invite)
        there = await team.of(account.id) if account else None
        if there is not None and there.is_active:
            raise MemberExists
        taken = await seats_in_use(plane.db, member.company_id, now)
        await require_seat(plane, member.tenant_id, taken)
        await waiting.add(new)
        plane.publish(MemberInvited(company_id=new.company_id, invitation_id=new.id))
        values = {"email": email, "role": str(role)}
        plane.audit(Action.create, Resource.invitation, new.id, by=member, values=values)
        return new.id

    written = await plane.change(work)
    return {
        "_id": written,
        "email": email,
        "role": role,
        "createdAt": now,
        "expiresAt": now + INVITATION_LASTS,
    }


async def take_back(plane: ControlPlane, member: Member, invitation_id: ObjectId) -> None:
    """Take an invitation back; raises `Forbidden`, `InvitationNotFound`."""
    member.require(Permission.team_invite)

    async def work() -> None:
        rows = InvitationRepository(plane.db, member.company_id)
        team = MembershipRepository(plane.db, member.company_id)
        await team.take_turn()
        await team.require(member.account_id, Permission.team_invite)
        if not await rows.remove(invitation_id):
            raise InvitationNotFound
        plane.audit(Action.delete, Resource.invitation, invitation_id, by=member)

    await plane.change(work)


async def accept(
    plane: ControlPlane, token: str, principal: Principal | None, newcomer: Newcomer
) -> TokenPair:
    """Accept an invitation, and begin a session in the company.

    Who is signed in must have the invited address. Who is not, and whose address has no account, gets one:
    the token came to that address alone. Raises `InvitationNotFound`, `SignInToAccept`, `LimitReached`,
    `AccountGone`, `PasswordTooCommon`, and `InvalidInput` when a password is missing.
    """
    invitation = await _find(plane, token)
    account = await AccountRepository(plane.db).by_email(invitation.email)
    if principal is not None and (account is None or account.id != principal.account_id):
        raise InvitationNotFound
    if principal is None and account is not None:
        raise SignInToAccept
    hashed = None if account else await _hash(plane, newcomer, invitation)
    account_id = account.id if account else ObjectId()

    async def work() -> Session:
        now = plane.clock.now()
        team = MembershipRepository(plane.db, invitation.company_id)
        await team.take_turn()
        if principal is not None:
            await proved_by_session(plane, principal)
        if not await InvitationRepository(plane.db, invitation.company_id).remove(invitation.id):
            raise InvitationNotFound
        await _require_inviter(team, invitation)
        await require_seat(plane, str(invitation.company_id), seats_taken(await team.active()))
        if hashed is not None:
            await _make_account(plane, account_id, invitation, hashed, newcomer)
        there = await team.of(account_id)
        if there is not None and there.is_active:
            raise MemberExists
        if there is not None:
            await team.remove(account_id)
        membership = await team.add(account_id, invitation.role, now)
        actor = Actor(ActorKind.account, str(account_id))
        plane.audit(
            Action.create,
            Resource.membership,
            account_id,
            by=actor,
            company=invitation.company_id,
            values={"email": invitation.email, "role": str(invitation.role)},
        )
        proved_at = principal.authenticated_at if principal else None
        return await write_session(plane, account_id, membership, authenticated_at=proved_at)

    return tokens_of(plane, await plane.change(work))


async def _require_inviter(team: MembershipRepository, invitation: Invitation) -> None:
    """Go on only while who invited still might: whoever left leaves no way back in."""
    try:
        by = await team.require(invitation.invited_by, Permission.team_invite)
    except Forbidden:
        raise InvitationNotFound from None
    if invitation.role is Role.owner and by.role is not Role.owner:
        raise InvitationNotFound


async def _find(plane: ControlPlane, token: str) -> Invitation:
    """Find what a token names, in a company that is open; raises `InvitationNotFound`."""
    named = read_invitation(plane.services.keyring, token)
    if named is None:
        raise InvitationNotFound
    rows = InvitationRepository(plane.db, named.company_id)
    invitation = await rows.find(named.invitation_id, plane.clock.now())
    if invitation is None or not secrets.compare_digest(invitation.seed, named.seed):
        raise InvitationNotFound
    try:
        tenant = await plane.services.tenancy.catalog.tenant(TenantId(str(named.company_id)))
    except TenantNotFound:
        raise InvitationNotFound from None
    if tenant.status is not TenantStatus.active:
        raise InvitationNotFound
    return invitation


async def _hash(plane: ControlPlane, newcomer: Newcomer, invitation: Invitation) -> str:
    if newcomer.password is None:
        raise InvalidInput([FieldError("/password", "missing", "is needed: this address has no account")])
    return await hash_new_password(plane, newcomer.password, [invitation.email], "/password")


async def _make_account(
    plane: ControlPlane, account_id: ObjectId, invitation: Invitation, hashed: str, newcomer: Newcomer
) -> None:
    """Make the account of who was invited; a registration of that address that waited is void."""
    accounts, now = AccountRepository(plane.db), plane.clock.now()
    await accounts.add(
        account_id, invitation.email, now, password_hash=hashed, account_type=AccountType.user
    )
    await accounts.change_profile(account_id, {"fullName": newcomer.full_name}, now)
    await RegistrationRepository(plane.db).remove(invitation.email)
