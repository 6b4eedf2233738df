"""Which functions are jobs."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from jazzaam.jobs.retry import RetryPolicy


class Message(Protocol):
    """What a job is told: an event, or anything that is stored and made again from its fields."""

    version: ClassVar[int]

    def data(self) -> dict[str, Any]:
        """Give its fields as they are stored."""
        ...


AnyMessage = TypeVar("AnyMessage", bound=Message)
Context = TypeVar("Context")


@dataclass(frozen=True, slots=True)
class Job:
    """A function that answers an event.

    `atomic`: it runs inside one change together with the row that says it is done, so its effects in
    the database happen exactly once; it must have no others. Not atomic: it reaches outside, and may
    run again after a crash.
    """

    name: str
    answers: type[Message]
    run: Callable[[Any, Any], Awaitable[None]]
    atomic: bool
    retry: RetryPolicy


def job(
    name: str, *, atomic: bool, retry: RetryPolicy | None = None
) -> Callable[[Callable[[Context, AnyMessage], Awaitable[None]]], Job]:
    """Make a job of `async def answer(context, event: SomeEvent) -> None`."""

    def register(function: Callable[[Context, AnyMessage], Awaitable[None]]) -> Job:
        answers = get_type_hints(function)["event"]
        return Job(name, answers, function, atomic, retry or RetryPolicy())

    return register


class Registry:
    """The jobs of this deployment, by name and by the event they answer."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._by_name: dict[str, Job] = {}
        self._answering: dict[type[Message], list[Job]] = {}
        for known in jobs:
            if known.name in self._by_name:
                raise ValueError(f"two jobs are named {known.name}")
            self._by_name[known.name] = known
            self._answering.setdefault(known.answers, []).append(known)

    def find(self, name: str) -> Job | None:
        """Find a job by the name in its row."""
        return self._by_name.get(name)

    def answering(self, event: Message) -> list[Job]:
        """List the jobs that answer an event."""
        return self._answering.get(type(event), [])
