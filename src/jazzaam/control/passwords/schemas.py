"""Bodies of the password routes."""

from typing import Annotated

from pydantic import StringConstraints

from jazzaam.control.accounts.schemas import Address, NewPassword, PresentedPassword
from jazzaam.web.input import Input


class ChangePassword(Input):
    """A new password for who knows the old one."""

    old_password: PresentedPassword
    new_password: NewPassword


class ForgotPassword(Input):
    """Whose password was forgotten."""

    email: Address


class ResetPassword(Input):
    """A new password for who was mailed."""

    token: Annotated[str, StringConstraints(max_length=1024)]
    new_password: NewPassword
