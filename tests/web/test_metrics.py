import socket
from datetime import UTC, datetime

import httpx2
from bson import ObjectId
from prometheus_client import CollectorRegistry, generate_latest
from tests.processes import free_port

from jazzaam.jobs import outbox
from jazzaam.jobs.counts import JobCounts
from jazzaam.jobs.fairness import Backlog, room_for
from jazzaam.jobs.models import Place
from jazzaam.main import create_app
from jazzaam.tenancy.client_pool import ClientStatistics, PoolStatistics
from jazzaam.web.metrics import BacklogCollector, JobCollector, PoolCollector, RequestTimes, metrics_at
from jazzaam.worker import create_runner

NUMBERS = PoolStatistics(
    size=50, open=2, leased=1, waiting=3, opened=7, evicted=5,
    clients={"t_a_e1": ClientStatistics(leases=0, idle_seconds=1.5, age_seconds=20)},
)  # fmt: skip


async def test_the_pool_is_told_to_prometheus():
    port = free_port()
    async with (
        metrics_at("127.0.0.1", port, [PoolCollector(lambda: NUMBERS)]),
        httpx2.AsyncClient() as client,
    ):
        for _ in range(100):
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/metrics")
                break
            except httpx2.ConnectError:
                continue

    lines = answer.text.splitlines()
    assert "jazzaam_client_pool_open 2.0" in lines
    assert "jazzaam_client_pool_waiting 3.0" in lines
    assert "jazzaam_client_pool_evicted_total 5.0" in lines
    assert 'jazzaam_client_pool_idle_seconds{user="t_a_e1"} 1.5' in lines


def lines_of(collector):
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode().splitlines()


async def test_requests_are_counted_by_route_and_status_and_never_by_address(client, app, application):
    times = RequestTimes()
    measured = create_app(application, times)
    transport = httpx2.ASGITransport(app=measured)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as visitor:
        for number in range(3):
            await visitor.get(f"/f/{number:064x}")
        await visitor.get("/api/v1/leads")
        await visitor.request("BREW", "/nowhere/of/mine")

    lines = lines_of(times)
    name = "jazzaam_http_request_seconds_count"
    assert name + '{method="GET",route="/f/{accessToken}",status="404"} 3.0' in lines
    assert name + '{method="GET",route="/api/v1/leads",status="401"} 1.0' in lines or any(
        'route="/leads",status="401"} 1.0' in line for line in lines
    )
    assert name + '{method="other",route="-",status="404"} 1.0' in lines
    assert not any("of/mine" in line or "000000" in line for line in lines)


def test_what_waits_is_told_and_for_how_long():
    class Clock:
        def now(self):
            return datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)

    backlog = Backlog(room_for(4))
    began = Clock().now().timestamp()
    for number in range(12):
        backlog.add(Place("main", f"t{number % 3}", ObjectId(), 0), began - 20 + number)
    taken = backlog.take(began + 60)

    lines = lines_of(BacklogCollector(backlog, Clock()))

    assert taken is not None
    assert "jazzaam_jobs_waiting 11.0" in lines
    assert "jazzaam_jobs_under_way 1.0" in lines
    assert "jazzaam_jobs_oldest_waiting_seconds 19.0" in lines
    while backlog.take(began + 60) is not None:
        pass
    for owner in backlog.owners.copy():
        backlog.forget(owner)
    assert "jazzaam_jobs_oldest_waiting_seconds 0.0" in lines_of(BacklogCollector(backlog, Clock()))


def test_jobs_and_dead_letters_are_counted():
    counts = JobCounts()
    counts.outcomes["forms.notify_new_lead", "done"] += 2
    counts.outcomes["exports.write", "dead"] += 1
    counts.letters["forged"] += 1

    lines = lines_of(JobCollector(counts))

    assert 'jazzaam_job_attempts_total{job="forms.notify_new_lead",outcome="done"} 2.0' in lines
    assert 'jazzaam_job_attempts_total{job="exports.write",outcome="dead"} 1.0' in lines
    assert 'jazzaam_dead_letters_total{reason="forged"} 1.0' in lines


async def test_a_worker_counts_what_its_jobs_come_to(client, acme, application):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()
    runner = create_runner(application)
    due = await outbox.next_due(acme.db, 10)

    for row in due:
        await runner.run(Place("main", acme.id, row.job_id, row.attempt))

    assert form["id"]
    assert runner.counts.outcomes["forms.activate_key", "done"] == 1


async def test_without_a_port_nothing_listens():
    async with metrics_at("127.0.0.1", None, [PoolCollector(lambda: NUMBERS)]):
        pass


async def test_a_port_that_is_taken_ends_no_process():
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        async with metrics_at("127.0.0.1", port, [PoolCollector(lambda: NUMBERS)]):
            pass
