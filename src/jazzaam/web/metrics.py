"""`GET /metrics`: what a process counts of itself, for Prometheus, on a port of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    make_asgi_app,  # pyright: ignore[reportUnknownVariableType] - untyped there
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jazzaam.clock import Clock
from jazzaam.errors import ConfigurationError
from jazzaam.jobs.counts import JobCounts
from jazzaam.jobs.fairness import Backlog
from jazzaam.logging import get_logger
from jazzaam.tenancy.client_pool import PoolStatistics
from jazzaam.web.listening import listen_at

log = get_logger(__name__)

_STOP_SECONDS = 1
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


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


class RequestTimes(Collector):
    """How long requests took, by method, route and status: a histogram, which counts them too."""

    def __init__(self) -> None:
        self._seconds = Histogram(
            "jazzaam_http_request_seconds",
            "How long requests took, by method, route and status",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=None,
        )

    def measure(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request; `route` is a template, so that there are as many series as routes."""
        known = method if method in _METHODS else "other"
        self._seconds.labels(known, route, str(status)).observe(seconds)

    def collect(self) -> Iterable[Metric]:
        """Return every number."""
        return self._seconds.collect()


class JobCollector(Collector):
    """What a worker's jobs came to since it began."""

    def __init__(self, counts: JobCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return every number."""
        outcomes = CounterMetricFamily(
            "jazzaam_job_attempts",
            "Attempts of jobs by what they came to: done, failed (tried again), dead, cancelled",
            labels=["job", "outcome"],
        )
        for (job, outcome), number in sorted(self._counts.outcomes.items()):
            outcomes.add_metric([job, outcome], number)
        yield outcomes
        letters = CounterMetricFamily(
            "jazzaam_dead_letters", "Messages that led to nothing", labels=["reason"]
        )
        for reason, number in sorted(self._counts.letters.items()):
            letters.add_metric([reason], number)
        yield letters


class BacklogCollector(Collector):
    """What a relay knows of jobs that have not ended."""

    def __init__(self, backlog: Backlog, clock: Clock) -> None:
        self._backlog = backlog
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Return every number; of one company at most 64 waiting jobs are known."""
        since = self._backlog.waiting_since
        oldest = 0.0 if since is None else max(0.0, self._clock.now().timestamp() - since)
        for name, value, what in (
            ("waiting", self._backlog.waiting, "Jobs that are due and wait for their turn"),
            ("under_way", len(self._backlog), "Jobs that are handed over and have not ended"),
            ("oldest_waiting_seconds", oldest, "How long the job waits that waits longest"),
        ):
            yield GaugeMetricFamily(f"jazzaam_jobs_{name}", what, value=value)


class _Beside(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def metrics_at(host: str, port: int | None, collectors: Iterable[Collector]) -> AsyncGenerator[None]:
    """Answer `/metrics` with what `collectors` count, at a port while the block runs; at None nowhere.

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
    for collector in collectors:
        registry.register(collector)
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
