import socket

import httpx2
from tests.processes import free_port

from jazzaam.tenancy.client_pool import ClientStatistics, PoolStatistics
from jazzaam.web.metrics import metrics_at

NUMBERS = PoolStatistics(
    size=50, open=2, leased=1, waiting=3, opened=7, evicted=5,
    clients={"t_a_e1": ClientStatistics(leases=0, idle_seconds=1.5, age_seconds=20)},
)  # fmt: skip


async def test_the_pool_is_told_to_prometheus():
    port = free_port()
    async with metrics_at("127.0.0.1", port, lambda: NUMBERS), httpx2.AsyncClient() as client:
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


async def test_without_a_port_nothing_listens():
    async with metrics_at("127.0.0.1", None, lambda: NUMBERS):
        pass


async def test_a_port_that_is_taken_ends_no_process():
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        async with metrics_at("127.0.0.1", port, lambda: NUMBERS):
            pass
