"""Requests over sixteen keep-alive connections, written by hand so that the client costs little."""

import asyncio
import json
import time
from dataclasses import dataclass
from itertools import count as counter

from jazzaam.cli.demo import COMPANIES, PASSWORD, DemoCompany

_numbers = counter()


@dataclass
class Client:
    """A signed-in caller: where to call, and what to ask for."""

    port: int
    token: str
    lead_id: str
    form_token: str

    def request(self, name: str, round_number: int) -> bytes:
        """Write one request."""
        if name == "submit":
            profile = f"bench-{round_number}-{next(_numbers)}"
            body = json.dumps({"linkedinUrl": f"https://www.linkedin.com/in/{profile}"}).encode()
            path = f"/api/v1/public/forms/{self.form_token}/submissions"
            head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            return f"{head}\r\nHost: localhost\r\n\r\n".encode() + body
        path = {
            "list": "/api/v1/leads?limit=20",
            "get": f"/api/v1/leads/{self.lead_id}",
            "me": "/api/v1/me",
        }[name]
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        ).encode()


async def sign_in(port: int, company: DemoCompany = COMPANIES[0]) -> Client:
    body = json.dumps({"email": company.email, "password": PASSWORD}).encode()
    head = (
        f"POST /api/v1/auth/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    token = (await _once(port, f"{head}\r\nHost: x\r\n\r\n".encode() + body))["accessToken"]
    client = Client(port, token, "", "")
    client.lead_id = (await _once(port, client.request("list", 0)))["items"][0]["id"]
    forms = await _once(port, client.request("list", 0).replace(b"/leads?", b"/forms?"))
    client.form_token = next(
        form["accessToken"] for form in forms["items"] if form["formType"] == "linkedin"
    )
    return client


async def run(client: Client, name: str, count: int, connections: int, round_number: int) -> list[float]:
    """Send `count` requests over `connections`; gives the seconds each took."""
    taken: list[float] = []

    async def one_connection(share: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        for _ in range(share):
            request = client.request(name, round_number)
            began = time.perf_counter()
            writer.write(request)
            status, _ = await _answer(reader)
            taken.append(time.perf_counter() - began)
            assert status in (200, 201), status
        writer.close()

    await asyncio.gather(*(one_connection(count // connections) for _ in range(connections)))
    return taken


async def hammer(client: Client, connections: int, stop: asyncio.Event) -> dict[int, int]:
    """Ask for lists as fast as can be until told to stop; gives how often each status came."""
    statuses: dict[int, int] = {}

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        while not stop.is_set():
            writer.write(client.request("list", 0))
            status, _ = await _answer(reader)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return statuses


async def _once(port: int, request: bytes) -> dict:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    status, body = await _answer(reader)
    writer.close()
    assert status == 200, body
    return json.loads(body)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    return int(head[9:12]), await reader.readexactly(length)
