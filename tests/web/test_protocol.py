"""A request's head has bounds that uvicorn does not set."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
import uvicorn
from tests.processes import free_port

from jazzaam.web import protocol
from jazzaam.web.origin import networks
from jazzaam.web.protocol import BoundedProtocol, bounded_protocol


async def app(scope, receive, send):
    if scope["type"] == "http":
        size = 0
        while scope["path"] != "/at-once":
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(http):
    port = free_port()
    config = uvicorn.Config(app, port=port, http=http, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    await running


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.2)
    async with serving(BoundedProtocol) as port:
        yield port


async def test_a_head_without_end_is_cut_off(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    sent = 0
    try:
        while sent < 4 * protocol.MAXIMUM_HEAD_BYTES:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536
            await asyncio.sleep(0.002)
    except ConnectionError:
        pass

    assert sent < 3 * protocol.MAXIMUM_HEAD_BYTES
    writer.close()


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"0\r\n", b"t%d: " + b"x" * 65_536 + b"\r\n"),
        (b"0\r\nt: ", b"x" * 65_536),
        (b"2;e=", b"x" * 65_536),
    ],
    ids=["many trailers", "one trailer", "a chunk's extension"],
)
async def test_what_comes_after_the_head_and_is_no_body_has_an_end(port, begin, again):
    """It was kept without bound, and one that did not end was copied again with every part of it."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" + begin)
    sent = 0
    try:
        while sent < 4 * protocol.MAXIMUM_HEAD_BYTES:
            writer.write(again.replace(b"%d", b"%d" % sent))
            await writer.drain()
            sent += len(again)
            await asyncio.sleep(0.002)
    except ConnectionError:
        pass

    assert sent < 3 * protocol.MAXIMUM_HEAD_BYTES
    writer.close()


async def test_a_body_in_many_small_chunks_is_taken(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(200):
        writer.write(b"1\r\nx\r\n" * 1_000)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")

    assert await reader.readexactly(6) == b"200000"
    writer.close()


async def test_who_is_answered_early_is_not_listened_to_for_long(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\nx")

    async with asyncio.timeout(5):
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_head_that_does_not_come_is_waited_for_no_longer(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n")

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_large_bodies_and_later_requests_of_a_connection_are_not_its_business(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for size in (900_000, 3, 900_000):
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
        writer.write(head.encode() + b"x" * size)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len(str(size))) == str(size).encode()
        await asyncio.sleep(0.3)
    writer.close()


async def test_what_is_no_request_is_refused_with_a_problem(port):
    for nonsense in (
        b"\x00\x01\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"HELLO\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(nonsense)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()

        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in head
        assert json.loads(body)["type"] == "/problems/MalformedRequest"


async def ask(reader, writer):
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(1)
    return answer[9:12]


async def test_one_connection_too_many_is_closed_at_once_and_the_others_stay():
    async with serving(bounded_protocol(3, networks(["127.0.0.0/8"]))) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert [await ask(*one) for one in held] == [b"200"] * 3

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ask(reader, writer)
        writer.close()
        assert [await ask(*one) for one in held] == [b"200"] * 3

        held[0][1].close()
        await held[0][1].wait_closed()
        async with asyncio.timeout(5):
            while True:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    assert await ask(reader, writer) == b"200"
                    break
                except (ConnectionError, asyncio.IncompleteReadError):
                    await asyncio.sleep(0.01)
                finally:
                    writer.close()
        for _, writer in held[1:]:
            writer.close()


async def test_one_network_takes_a_quarter_of_the_connections():
    async with serving(bounded_protocol(8)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert [await ask(*one) for one in held] == [b"200"] * 2
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ask(reader, writer)
        writer.close()

        other = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        assert await ask(*other) == b"200"
        for _, writer in [*held, other]:
            writer.close()
