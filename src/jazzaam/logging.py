"""Logs: an event and its keys, one line each, on standard error.

A line never holds a secret, a token or a body. `request_id` and `tenant` come from the context that
the middleware and the worker bind.
"""

import logging
import sys
from typing import Any

import structlog


def configure_logging(*, json: bool) -> None:
    """Set up structlog for this process; `json` for machines, else text for people."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # never local variables: they hold secrets
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is now, not as it was
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Give a logger; `name` is the module's."""
    return structlog.get_logger(module=name)
