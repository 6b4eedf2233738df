"""Which functions are jobs."""

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, Final, Protocol, TypeVar, get_type_hints

from jazzaam.jobs.retry import RetryPolicy
from jazzaam.jobs.schedule import Beat, Cron

KEEP_ENDED: Final = timedelta(days=7)


class Message(Protocol):
    """What a job is told: an event, or anything that is stored and made again from its fields."""

    version: ClassVar[int]

    def data(self) -> dict[str, Any]:
        """Give its fields as they are stored."""
        ...


class BadArguments(Exception):
    """A row's arguments are not what its job takes."""


class NewerVersion(Exception):
    """A later release wrote this row; a worker of that release can run it."""


@dataclass(frozen=True, slots=True)
class Fired:
    """It is time: what a job with a schedule is told. `fire_at` is the moment its schedule names."""

    version: ClassVar[int] = 1
    fire_at: datetime

    def data(self) -> dict[str, Any]:
        """Give its fields as they are stored."""
        return {"fire_at": self.fire_at}


AnyMessage = TypeVar("AnyMessage", bound=Message)


@dataclass(frozen=True, slots=True)
class Job:
    """A function that answers an event.

    `atomic`: it runs inside one change together with the row that says it is done, so its effects in
    the database happen exactly once; it must have no others, and ends within 15 seconds. Not atomic: it
    reaches outside, or takes long; what it does in `run.change` happens exactly once, all else may happen
    again after a crash. `process_pool`: it may `run.compute`. A `cron` makes it come again and again.
    What it returns, a BSON value, is kept as the job's result, for `keep` after its end. One that takes
    longer than `longest` has failed. `context` is the
    type of its first parameter: a company's job is refused in the control plane, and the other way round.
    """

    name: str
    context: type
    answers: type[Message]
    run: Callable[..., Awaitable[Any]]
    takes_run: bool
    atomic: bool
    retry: RetryPolicy
    process_pool: bool
    keep: timedelta
    longest: timedelta
    cron: Cron | None

    def message(self, args: Mapping[str, Any], version: int) -> Message:
        """Make what it is told from a row's arguments, also from those of the version before.

        Raises `BadArguments`, `NewerVersion`.
        """
        if version > self.answers.version:
            raise NewerVersion
        if version == self.answers.version - 1 and hasattr(self.answers, "upgraded"):
            args = getattr(self.answers, "upgraded")(args)  # noqa: B009 - few events have it
        elif version != self.answers.version:
            raise BadArguments
        return checked(self.answers, args)


def job(
    name: str,
    *,
    atomic: bool,
    retry: RetryPolicy | None = None,
    process_pool: bool = False,
    keep: timedelta = KEEP_ENDED,
    longest: timedelta = timedelta(hours=1),
    cron: Cron | None = None,
) -> Callable[[Callable[..., Awaitable[Any]]], Job]:
    """Make a job of `async def answer(context, event: SomeEvent) -> result`.

    With a third parameter `run` it gets its `Run` too: to tell its progress, to be cancelled, to compute.
    With a `cron` its event is `Fired`. Raises `ValueError` for what does not go together.
    """

    def register(function: Callable[..., Awaitable[Any]]) -> Job:
        hints = get_type_hints(function)
        context, told, *others = inspect.signature(function).parameters
        answers, takes_run = hints[told], "run" in others
        if (cron is not None) != (answers is Fired):
            raise ValueError(f"{name}: what has a cron answers Fired, and nothing else does")
        if process_pool and (atomic or not takes_run):
            raise ValueError(f"{name}: what computes takes its run, and is not atomic")
        return Job(
            name=name,
            context=hints[context],
            answers=answers,
            run=function,
            takes_run=takes_run,
            atomic=atomic,
            retry=retry or RetryPolicy(),
            process_pool=process_pool,
            keep=keep,
            longest=longest,
            cron=cron,
        )

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
            if known.cron is None:
                self._answering.setdefault(known.answers, []).append(known)

    @property
    def jobs(self) -> list[Job]:
        """List all jobs."""
        return list(self._by_name.values())

    def find(self, name: str) -> Job | None:
        """Find a job by the name in its row."""
        return self._by_name.get(name)

    def answering(self, event: Message) -> list[Job]:
        """List the jobs that answer an event."""
        return self._answering.get(type(event), [])

    def crons(self, *beats: Beat) -> dict[str, Cron]:
        """Give the schedules that follow one of these clocks, by their job's name."""
        return {one.name: one.cron for one in self.jobs if one.cron is not None and one.cron.beat in beats}


def checked(made: type[Message], args: Mapping[str, Any]) -> Message:
    """Make a dataclass of arguments that have its fields' types; raises `BadArguments`.

    A row may come from a tenant's own hand.
    """
    wanted = _wanted(made)
    if wanted.keys() != args.keys() or not all(_is(args[name], hint) for name, hint in wanted.items()):
        raise BadArguments
    return made(**args)


@lru_cache(maxsize=256)
def _wanted(made: type[Message]) -> Mapping[str, Any]:
    """Give the type of each field; once for a class, since every job asks."""
    if not is_dataclass(made):
        raise BadArguments
    hints = get_type_hints(made)
    return {field.name: hints[field.name] for field in fields(made)}


def _is(value: object, hint: Any) -> bool:
    """Tell whether a BSON value is of an annotated type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_is(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(
            _is(one, inner[0]) for one in typing.cast("list[object]", value)
        )
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return hint is Any or isinstance(value, origin or hint or types.NoneType)
