"""The failures a caller can act on.

    JazzaamError                     500  never raised itself
    ├── InvalidInput                 422  carries one `FieldError` for each place that is wrong
    ├── MalformedRequest             400
    ├── Unauthenticated              401
    ├── Forbidden                    403
    ├── NotFound                     404  also what belongs to somebody else
    ├── Conflict                     409
    ├── PreconditionFailed           412
    ├── TooManyRequests              429  carries the seconds to wait
    ├── Unavailable                  503  try again; nothing was decided
    └── ConfigurationError                  a process refuses to start; one line, exit status 2

A feature subclasses one of these. The docstring of the subclass is the sentence its reader gets,
`status` is the HTTP status, and `jazzaam.web.problems` alone turns one into a response.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One place in an input that is wrong.

    `pointer` is a JSON pointer into the body, or `/query/<name>`, `/path/<name>`, `/header/<name>`.
    """

    pointer: str
    code: str
    message: str


class JazzaamError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    members: Mapping[str, str] = {}
    """What else the problem document says, by name."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().split("\n")[0]
        super().__init__(self.detail)


class InvalidInput(JazzaamError):
    """Some of what was sent is not valid; `errors` names each place."""

    status = 422

    def __init__(self, errors: list[FieldError], detail: str | None = None) -> None:
        super().__init__(detail)
        self.errors = errors


class MalformedRequest(JazzaamError):
    """The request could not be read."""

    status = 400


class Unauthenticated(JazzaamError):
    """Sign in first: the request carries no valid credential."""

    status = 401


class Forbidden(JazzaamError):
    """Your role does not allow this."""

    status = 403


class NotFound(JazzaamError):
    """There is nothing here for you."""

    status = 404


class Conflict(JazzaamError):
    """This does not fit the present state."""

    status = 409


class PreconditionFailed(JazzaamError):
    """It has been changed since you read it; read it again."""

    status = 412


class TooManyRequests(JazzaamError):
    """Too many requests; wait, then try again."""

    status = 429

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(JazzaamError):
    """Jazzaam cannot answer just now; try again in a moment."""

    status = 503


class ConfigurationError(JazzaamError):
    """Jazzaam cannot start as it is configured."""
