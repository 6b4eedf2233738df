"""What can go wrong with an account."""

from jazzaam.errors import Conflict, Forbidden, InvalidInput, Unauthenticated


class WrongCredentials(Unauthenticated):
    """The e-mail address or the password is wrong."""


class TokenRefused(Unauthenticated):
    """This token is not valid any more; sign in again."""


class EmailNotVerified(Forbidden):
    """Enter the code that was sent to this address first."""

    def __init__(self, registration_token: str = "") -> None:
        super().__init__()
        self.members = {"registrationToken": registration_token}


class WrongCode(InvalidInput):
    """The code is wrong, used up or no longer valid; ask for a new one."""


class PasswordTooCommon(InvalidInput):
    """This password is easy to guess; choose another."""


class AccountExists(Conflict):
    """This address has an account."""


class NoCompany(Forbidden):
    """You do not work in a company yet."""


class NotAPerson(Forbidden):
    """An API key cannot do this: sign in."""


class SecondFactorRequired(Forbidden):
    """This company asks for a second factor: set one up with POST /auth/totp first."""


class SecondFactorNeeded(Unauthenticated):
    """The password is right: send the code of your second factor, or a recovery code, as `code` too."""


class SecondFactorNext(Unauthenticated):
    """The provider vouches for you: go on with POST /auth/second-factor and your code."""

    def __init__(self, sign_in_token: str = "") -> None:
        super().__init__()
        self.members = {"signInToken": sign_in_token}


class ConfirmationNeeded(Forbidden):
    """Prove who you are first: POST /auth/confirm with your password or a code; it lasts 5 minutes."""


class SupportReadsOnly(Forbidden):
    """A support session reads the company that lets it, and does nothing else."""
