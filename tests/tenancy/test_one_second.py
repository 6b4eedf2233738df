"""The one-second rule between processes: one that has gone deaf, and one that was stopped."""

import asyncio
import os
import signal
import time

import httpx2
import pytest
from pydantic import SecretStr
from tests.deaf_proxy import DeafProxy
from tests.processes import free_port, jazzaam

from jazzaam.composition import compose
from jazzaam.tenancy.errors import TenantSuspended


async def test_a_process_whose_change_stream_is_cut_refuses_within_a_second(
    app, application, acme, settings, mongod
):
    proxy = DeafProxy(mongod.port)
    async with proxy.running():
        through = settings.mongodb_uri.get_secret_value().replace(f":{mongod.port}/", f":{proxy.port}/")
        elsewhere = compose(settings.model_copy(update={"mongodb_uri": SecretStr(through)})).deployment
        async with elsewhere.running():
            await until(lambda: elsewhere.freshness.hears(time.monotonic()))
            with await elsewhere.tenancy.open(acme.id):
                pass
            proxy.deaf = True
            await asyncio.sleep(0.7)
            await application.deployment.erasure.suspend(acme.id)
            suspended_at = time.monotonic()

            async with asyncio.timeout(10):
                began = [at async for at in openings(elsewhere.tenancy, acme.id)]

    # whatever the machine does: what begins a second later is refused
    assert all(at - suspended_at < 1.0 for at in began)
    assert proxy.swallowed


async def openings(tenancy, tenant_id):
    """Open a tenant again and again until it is refused; yield when each that succeeded began."""
    while True:
        began = time.monotonic()
        try:
            with await tenancy.open(tenant_id):
                yield began
        except TenantSuspended:
            return
        await asyncio.sleep(0.01)


async def until(true):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seconds", [2, pytest.param(10, marks=pytest.mark.slow)])
async def test_a_process_that_was_stopped_believes_nothing_it_knew(
    application, acme, settings, tmp_path, seconds
):
    port = free_port()
    given = {
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "DATA_DIR": str(settings.data_dir),
        "PORT": str(port),
    }
    with jazzaam("serve", log=tmp_path / "log", **given) as process:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=acme.headers) as client:
            await until_it_answers(client)
            assert (await client.get("/api/v1/leads")).status_code == 200
            os.kill(process.pid, signal.SIGSTOP)
            try:
                await application.deployment.erasure.suspend(acme.id)
                await asyncio.sleep(seconds)
            finally:
                os.kill(process.pid, signal.SIGCONT)

            refused = await client.get("/api/v1/leads", timeout=20)

    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/TenantSuspended"


async def until_it_answers(client):
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
