"""Logs: an event and its keys, one line each, on standard error.

A line never holds a secret, a token or a body. `request_id` and `tenant` come from the context that
the middleware and the worker bind.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog


def configure_logging(*, json: bool, least: int = logging.INFO) -> None:
    """Set up structlog for this process: `json` for machines, else text for people; from `least` on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # a traceback, never local variables: they hold secrets
            _as_json if json else _as_text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)


class _StandardError:
    """Writes lines to standard error as it is now, not as it was when the process began."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, message: str) -> None:
        """Write one line."""
        sys.stderr.write(message + "\n")

    info = warning = error = critical = exception = debug = msg


def _as_json(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> str:
    return orjson.dumps(entry, default=str).decode()


def _as_text(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> str:
    trace = entry.pop("exception", None)
    head = f"{entry.pop('timestamp')} {entry.pop('level'):<7} {entry.pop('event'):<20}"
    line = " ".join((head, *(f"{name}={value}" for name, value in entry.items())))
    return f"{line}\n{trace}" if trace else line


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Give a logger; `name` is the module's."""
    return structlog.get_logger(module=name.removeprefix("jazzaam."))
