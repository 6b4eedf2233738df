"""Composition root of the web process."""

import gc
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.control.accounts.tokens import AccessTokens
from jazzaam.control.dependencies import admit
from jazzaam.control.memberships.access import credentials_needed
from jazzaam.features import FEATURES
from jazzaam.logging import configure_logging, get_logger
from jazzaam.tasks import end_process_in_time
from jazzaam.tenancy.catalog import TENANTS
from jazzaam.web.app import create_http_app
from jazzaam.web.flood import NetworkLimits
from jazzaam.web.listening import listen_at
from jazzaam.web.metrics import PoolCollector, RequestTimes, metrics_at
from jazzaam.web.protocol import bounded_protocol

log = get_logger(__name__)

GRACEFUL_SECONDS = 4
"""How long open requests may go on after SIGTERM."""


def create_app(application: Application, times: RequestTimes | None = None) -> FastAPI:
    """Make the HTTP application of a process; its lifespan hears changes. `prepare` comes before.

    `times` measures its requests.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with application.deployment.running():
            yield

    settings = application.settings
    app = create_http_app(
        FEATURES,
        lifespan=lifespan,
        forms_host=settings.separate_forms_host,
        over_https=settings.public_url.startswith("https://"),
        admit=admit,
        needs_of=credentials_needed,
        measure=times.measure if times else None,
        is_silent=lambda: application.deployment.freshness.is_silent(time.monotonic()),
    )
    state = app.state
    state.settings = settings
    state.deployment = application.deployment
    state.access_tokens = AccessTokens(application.keyring)
    state.sessions = application.sessions
    state.api_keys = application.api_keys
    state.trusted_proxies = settings.trusted_proxies
    state.control = application.control
    state.workspaces = application.workspaces
    state.submissions = NetworkLimits()
    state.rate_limits = application.control.rate_limits

    async def ready() -> None:
        await application.deployment.system()[TENANTS].find_one({}, {"_id": 1})

    state.ready = ready
    return app


async def serve(settings: Settings) -> None:
    """Answer HTTP until SIGTERM or SIGINT.

    Raises `ConfigurationError`, in one line, when MongoDB cannot hold Jazzaam.
    """
    configure_logging(json=settings.log_json or settings.production)
    application = compose(settings)
    await prepare(application)
    requests = RequestTimes()
    measured = requests if settings.metrics_port is not None else None
    config = uvicorn.Config(
        create_app(application, measured),
        http=bounded_protocol(settings.connections, settings.trusted_proxies),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=65,
    )
    listening = listen_at(settings.host, settings.port, "JAZZAAM_PORT")
    settle_memory()
    log.info("serve.started", host=settings.host, port=settings.port)
    pool = PoolCollector(application.deployment.tenancy.pool.statistics)
    async with metrics_at(settings.metrics_host, settings.metrics_port, [pool, requests]):
        await _Server(config).serve(sockets=[listening])


class _Server(uvicorn.Server):
    """A server whose process ends in time, also when what it waits for does not answer."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_process_in_time()
        await super().shutdown(sockets)


def settle_memory() -> None:
    """Keep what start-up made out of the collector's way: its pauses were a third of the p99."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
