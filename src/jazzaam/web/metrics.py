"""`GET /metrics`: what a process counts of itself, for Prometheus, on a port of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from prometheus_client import (
    CollectorRegistry,
    make_asgi_app,  # pyright: ignore[reportUnknownVariableType] - untyped there
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jazzaam.errors import ConfigurationError
from jazzaam.logging import get_logger
from jazzaam.tenancy.client_pool import PoolStatistics
from jazzaam.web.listening import listen_at

log = get_logger(__name__)

_STOP_SECONDS = 1


class PoolCollector(Collector):
    """The client pool's numbers, as they are when they are asked for."""

    def __init__(self, statistics: Callable[[], PoolStatistics]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        """Give every number, those of a company with its MongoDB user as label."""
        pool = self._statistics()
        for name, value, what in (
            ("size", pool.size, "Clients of dedicated companies that may be open"),
            ("open", pool.open, "Clients that are open"),
            ("leased", pool.leased, "Clients in use"),
            ("waiting", pool.waiting, "Requests that wait for a client"),
        ):
            yield GaugeMetricFamily(f"jazzaam_client_pool_{name}", what, value=value)
        for name, value, what in (
            ("opened", pool.opened, "Clients opened since the start"),
            ("evicted", pool.evicted, "Clients closed since the start"),
        ):
            yield CounterMetricFamily(f"jazzaam_client_pool_{name}", what, value=value)
        idle = GaugeMetricFamily(
            "jazzaam_client_pool_idle_seconds", "How long a client is idle", labels=["user"]
        )
        age = GaugeMetricFamily(
            "jazzaam_client_pool_age_seconds", "How long a client is open", labels=["user"]
        )
        for user, client in pool.clients.items():
            idle.add_metric([user], client.idle_seconds)
            age.add_metric([user], client.age_seconds)
        yield idle
        yield age


class _Beside(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def metrics_at(
    host: str, port: int | None, statistics: Callable[[], PoolStatistics]
) -> AsyncGenerator[None]:
    """Answer `/metrics` at a port while the block runs; with `port` None nowhere.

    A port that is taken is a line in the log: numbers are not worth a process.
    """
    if port is None:
        yield
        return
    try:
        listening = listen_at(host, port, "JAZZAAM_METRICS_PORT")
    except ConfigurationError as error:
        log.warning("metrics.nowhere", detail=error.detail)
        yield
        return
    registry = CollectorRegistry()
    registry.register(PoolCollector(statistics))
    config = uvicorn.Config(
        make_asgi_app(registry),  # pyright: ignore[reportUnknownArgumentType] - untyped there
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Beside(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        (failure,) = await asyncio.gather(serving, return_exceptions=True)
        if failure is not None:
            log.warning("metrics.failed", error=type(failure).__name__)
