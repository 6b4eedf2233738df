"""What can go wrong with a form."""

from jazzaam.errors import Conflict, InvalidInput, NotFound


class FormNotFound(NotFound):
    """There is no such form."""


class FormExists(Conflict):
    """This platform has an active form already."""


class AnswersInvalid(InvalidInput):
    """Some answers are missing or not valid; `errors` names each field."""
