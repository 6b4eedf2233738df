"""What can go wrong with an invitation."""

from jazzaam.errors import Conflict, NotFound, Unauthenticated


class InvitationNotFound(NotFound):
    """There is no such invitation: it was used or taken back, it is over, or it is for another address."""


class InvitationExists(Conflict):
    """This address is invited already: take that invitation back first."""


class SignInToAccept(Unauthenticated):
    """This address has an account: sign in with it to accept."""
