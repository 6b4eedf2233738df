"""Composition root of the worker process."""

import asyncio
import signal
from datetime import timedelta

from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.control.billing.plans import QUEUED_JOBS
from jazzaam.control.plane import ControlPlane
from jazzaam.crm.dependencies import workspace_for_job
from jazzaam.jobs.models import Place
from jazzaam.jobs.relay import Relay
from jazzaam.jobs.runner import JobContext, Runner
from jazzaam.logging import configure_logging, get_logger
from jazzaam.tasks import end_tasks
from jazzaam.tenancy.database import TenantDatabase
from jazzaam.web.metrics import metrics_at

log = get_logger(__name__)


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

    return Runner(application.control.registry, open_context, application.control.clock, ended=ended)


def create_relay(application: Application) -> Relay:
    """Make what finds the jobs of all tenants and of the control plane."""
    deployment, settings = application.deployment, application.settings
    return Relay(
        tenancy=deployment.tenancy,
        clusters=deployment.clusters,
        system=deployment.system,
        runner=create_runner(application),
        clock=application.control.clock,
        slots=settings.worker_slots,
        sweep_every=timedelta(seconds=settings.sweep_seconds),
    )


async def care_for_tenants(application: Application) -> None:
    """Look after tenants again and again; never ends."""
    care, settings = application.deployment.care, application.settings
    while True:
        await care.round(application.control.clock.now(), ready=settings.ready_tenants)
        await asyncio.sleep(settings.care_seconds)


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT, then finish those that are running.

    Raises `ConfigurationError`, in one line, when MongoDB cannot hold Jazzaam.
    """
    configure_logging(json=settings.log_json or settings.production)
    application = compose(settings)
    await prepare(application)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    if settings.mongodb_uri is not None and settings.mongodb_operator_uri is None:
        log.warning("worker.without_operator", detail="JAZZAAM_MONGODB_OPERATOR_URI: MONGODB_URI is used.")
    log.info("worker.started")
    port = None if settings.metrics_port is None else settings.metrics_port + 1
    statistics = application.deployment.tenancy.pool.statistics
    async with (
        application.deployment.running(),
        metrics_at(settings.metrics_host, port, statistics),
    ):
        caring = asyncio.create_task(care_for_tenants(application))
        try:
            await create_relay(application).run(stop=stop)
        finally:
            await end_tasks([caring])
    log.info("worker.stopped")
