"""What can go wrong with a form."""

from jazzaam.errors import Conflict, InvalidInput, NotFound, TooManyRequests


class FormNotFound(NotFound):
    """There is no such form."""


class FormExists(Conflict):
    """This platform has an active form already."""


class AnswersInvalid(InvalidInput):
    """Some answers are missing or not valid; `errors` names each field."""


class FormFull(TooManyRequests):
    """So many submissions wait already that no more can be kept; try again later."""
