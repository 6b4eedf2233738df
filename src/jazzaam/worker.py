"""Composition roots of the processes that do what happens later: the worker and the relay."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from prometheus_client.registry import Collector

from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.control.billing.plans import JOBS_AT_ONCE, QUEUED_JOBS
from jazzaam.control.plane import ControlPlane
from jazzaam.crm.dependencies import workspace_for_job
from jazzaam.errors import ConfigurationError
from jazzaam.jobs.broker import Broker, broker_at
from jazzaam.jobs.crons import Crons
from jazzaam.jobs.letters import DeadLetters
from jazzaam.jobs.lookout import Waits
from jazzaam.jobs.messages import Messages
from jazzaam.jobs.models import Place
from jazzaam.jobs.relay import Relay, Share
from jazzaam.jobs.run import JobContext
from jazzaam.jobs.runner import Lease, Runner
from jazzaam.jobs.worker import Worker
from jazzaam.logging import configure_logging, get_logger
from jazzaam.tasks import end_process_in_time
from jazzaam.tenancy.change import change
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.tenancy.limits import allowed_to
from jazzaam.tenancy.models import Tenant
from jazzaam.tenancy.report import all_slots
from jazzaam.tenancy.users import CARETAKER
from jazzaam.web.metrics import BacklogCollector, JobCollector, PoolCollector, metrics_at

log = get_logger(__name__)

_LEAST_SHARE = 4
"""How many jobs at once the smallest plan allows; who may have twice as many has twice as many turns."""


def create_runner(application: Application) -> Runner:
    """Make what runs a job where its row is: in a company's workspace, or in the control plane."""
    deployment = application.deployment

    async def open_context(place: Place) -> JobContext:
        if place.tenant_id is None:
            return ControlPlane(deployment.system(), application.control)
        db = await deployment.tenancy.open(place.tenant_id)
        return workspace_for_job(db, place.job_id, application.workspaces)

    def ended(context: JobContext) -> None:
        if isinstance(context.db, TenantDatabase):
            deployment.limits.give_back(context.db.tenant, QUEUED_JOBS)

    return Runner(
        application.control.registry,
        open_context,
        application.control.clock,
        lease=Lease(timedelta(seconds=application.settings.lease_seconds)),
        ended=ended,
        is_newest=application.control.leads,
    )


def create_worker(application: Application, broker: Broker) -> Worker:
    """Make what takes messages and runs the jobs they point to."""
    settings = application.settings
    return Worker(
        broker=broker,
        messages=Messages(application.keyring),
        letters=DeadLetters(application.deployment.system),
        runner=create_runner(application),
        clock=application.control.clock,
        slots=settings.worker_slots,
        drain=timedelta(seconds=settings.drain_seconds),
    )


def create_relay(application: Application, broker: Broker) -> Relay:
    """Make what finds the jobs of all companies and of the control plane, and hands them over."""
    deployment, settings = application.deployment, application.settings

    async def slots() -> int:
        if settings.broker_url is None:
            return settings.worker_slots
        return await all_slots(deployment.system(), application.control.clock.now())

    def share_of(tenant: Tenant) -> Share:
        allowed = allowed_to(tenant, JOBS_AT_ONCE)
        return Share(1 if allowed is None else allowed // _LEAST_SHARE, allowed)

    return Relay(
        tenancy=deployment.tenancy,
        clusters=deployment.clusters,
        system=deployment.system,
        freshness=deployment.freshness,
        broker=broker,
        messages=Messages(application.keyring),
        clock=application.control.clock,
        slots=slots,
        share_of=share_of,
        waits=Waits(
            sweep_every=timedelta(seconds=settings.sweep_seconds),
            seat=timedelta(seconds=settings.relay_seat_seconds),
        ),
    )


def create_broker(settings: Settings) -> Broker:
    """Make the connection between relays and workers."""
    url = settings.broker_url.get_secret_value() if settings.broker_url else None
    return broker_at(url, settings.system_database, settings.worker_slots)


async def plan_control(application: Application) -> None:
    """Have the control plane's own schedules wait for their next fire; safe to repeat."""
    system, crons = application.deployment.system(), Crons(application.control.registry)
    if await application.deployment.migrator.leads():
        await change(system, lambda: crons.plan(system, "UTC", application.control.clock.now()))


class _Part(Protocol):
    """Something that runs until it is told to stop."""

    async def run(self, *, stop: asyncio.Event) -> None:
        """Run."""
        ...


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; those that run then have some seconds to end.

    Raises `ConfigurationError`, in one line, when MongoDB cannot hold Jazzaam.
    """
    configure_logging(json=settings.log_json or settings.production)
    await run_worker(compose(settings, operator=CARETAKER))


async def relay(settings: Settings) -> None:
    """Hand jobs to the workers until SIGTERM or SIGINT; any number of relays may run.

    Raises `ConfigurationError`, in one line, when there is no broker, or MongoDB cannot hold Jazzaam.
    """
    configure_logging(json=settings.log_json or settings.production)
    if settings.broker_url is None:
        raise ConfigurationError("JAZZAAM_BROKER_URL is not set: then the worker itself relays.")
    await run_relay(compose(settings))


async def run_worker(application: Application) -> None:
    """Be a worker process; without a broker it relays too."""
    broker = create_broker(application.settings)
    taking = create_worker(application, broker)
    parts: list[_Part] = [taking]
    collectors: list[Collector] = [JobCollector(taking.counts)]
    if application.settings.broker_url is None:
        relaying = create_relay(application, broker)
        parts.append(relaying)
        collectors.append(BacklogCollector(relaying.backlog, application.control.clock))
    slots = application.settings.worker_slots
    await _run("worker", application, parts, collectors, slots=slots, port=1)


async def run_relay(application: Application) -> None:
    """Be a relay process."""
    relaying = create_relay(application, create_broker(application.settings))
    collectors = [BacklogCollector(relaying.backlog, application.control.clock)]
    await _run("relay", application, [relaying], collectors, port=2)


async def _run(
    name: str,
    application: Application,
    parts: Sequence[_Part],
    collectors: Sequence[Collector],
    *,
    port: int,
    slots: int = 0,
) -> None:
    """Run a process; its metrics are `port` ports above the web process's."""
    settings = application.settings
    await prepare(application)
    await plan_control(application)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        end_process_in_time()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    log.info("process.started", process=name)
    own = settings.mongodb_caretaker_uri or settings.mongodb_operator_uri
    if slots and settings.mongodb_uri is not None and own is None:
        log.warning(
            "worker.without_caretaker", detail="JAZZAAM_MONGODB_CARETAKER_URI: MONGODB_URI is used."
        )
    if slots and settings.environment == "production" and settings.smtp_url is None:
        log.warning("worker.without_mail", detail="JAZZAAM_SMTP_URL is not set: no mail is sent.")
    metrics_port = None if settings.metrics_port is None else settings.metrics_port + port
    pool = PoolCollector(application.deployment.tenancy.pool.statistics)
    async with (
        application.deployment.running(slots=slots),
        metrics_at(settings.metrics_host, metrics_port, [pool, *collectors]),
        asyncio.TaskGroup() as running,
    ):
        for part in parts:
            running.create_task(part.run(stop=stop))
    log.info("process.stopped", process=name)
