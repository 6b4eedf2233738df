"""What can go wrong with a session."""

from jazzaam.errors import FieldError, InvalidInput, NotFound


class SessionNotFound(NotFound):
    """There is no such session of yours."""


class CompanyNotFound(NotFound):
    """You work in no company of this id."""


class NotConfirmed(InvalidInput):
    """This is neither your password nor a code of your second factor."""

    def __init__(self) -> None:
        super().__init__([FieldError("", "wrong", "is not right")])
