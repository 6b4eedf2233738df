"""What surrounds every request: HEAD, queries, who may send a body, and how long anybody waits."""

from __future__ import annotations

import asyncio
import tracemalloc
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from tests.isolation.cases import CASES, fill

from jazzaam.web import bounds
from jazzaam.web.admission import OF_STRANGERS
from jazzaam.web.middleware import BodyLimit, Envelope
from jazzaam.web.patience import Patience

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"


@pytest.fixture
async def form(client, acme):
    return (await client.post("/api/v1/forms/platforms/linkedin", headers=acme.headers)).json()


class TestHead:
    async def test_it_answers_wherever_get_does(self, client, acme, form, subtests):
        """It was a 405 everywhere."""
        paths = ["/healthz", "/readyz", "/docs", f"/f/{form['accessToken']}", "/api/v1/openapi.json"]
        paths += ["/api/v1/leads", "/api/v1/me", f"/api/v1/forms/{form['id']}", "/api/v1/services"]
        for path in paths:
            with subtests.test(path=path):
                got = await client.get(path, headers=acme.headers)
                head = await client.head(path, headers=acme.headers)

                assert (head.status_code, head.content) == (got.status_code, b"")
                assert head.status_code == 200
                for name in ("content-type", "content-length", "etag"):
                    assert head.headers.get(name) == got.headers.get(name)

    async def test_what_is_not_there_is_not_there_either(self, client, acme):
        assert (await client.head("/api/v1/nothing")).status_code == 404
        assert (await client.head("/api/v1/leads")).status_code == 401
        missing = await client.head(f"/api/v1/leads/{ObjectId()}", headers=acme.headers)
        assert missing.status_code == 404
        wrong = await client.head("/api/v1/auth/login")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


class TestQueries:
    @pytest.mark.parametrize(
        "query", ["status=new&status=hot", "limit=1&limit=1", "%73tatus=new&status=hot"]
    )
    async def test_a_parameter_that_comes_twice_is_refused(self, client, acme, query):
        """The last one was taken, and the others forgotten."""
        answer = await client.get(f"/api/v1/leads?{query}", headers=acme.headers)

        assert answer.status_code == 422
        name = "limit" if "limit" in query else "status"
        assert answer.json()["errors"][0] == {
            "pointer": f"/query/{name}",
            "code": "repeated",
            "message": "comes more than once",
        }

    async def test_a_long_query_is_a_414_for_everybody(self, client, acme):
        for path in ("/api/v1/leads", "/healthz", "/f/x", "/nowhere"):
            answer = await client.get(f"{path}?after={'x' * 4_100}", headers=acme.headers)
            assert (answer.status_code, answer.json()["type"]) == (414, "/problems/QueryTooLong")
        assert (await client.get("/api/v1/leads?after=x", headers=acme.headers)).status_code == 422

    async def test_many_long_queries_leave_no_memory_behind(self, client, acme):
        async def ask(times):
            for number in range(times):
                query = urlencode({"after": f"{number:_>4000}"})
                await client.get(f"/api/v1/leads?{query}", headers=acme.headers)

        await ask(50)
        tracemalloc.start()
        try:
            await ask(300)
            first = tracemalloc.get_traced_memory()[0]
            await ask(300)
            grown = tracemalloc.get_traced_memory()[0] - first
        finally:
            tracemalloc.stop()

        assert grown < 500_000  # 300 raw queries alone are 1.2 MB


class TestWhoMaySendABody:
    """A head is enough to know it; whoever is nobody sends no body."""

    async def test_no_body_is_read_of_whoever_has_no_credentials(self, client, subtests):
        for method, path in sorted(CASES):
            if method == "get":
                continue
            for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"X-API-Key": "jz_live_" + "A" * 43}):
                with subtests.test(method=method, path=path, headers=headers):
                    taken = 0

                    async def body():
                        nonlocal taken
                        for _ in range(100):
                            taken += 1
                            yield b"x" * 1000

                    answer = await client.request(
                        method,
                        fill(path, "f" * 24),
                        content=body(),
                        headers={**headers, "content-type": "application/json", "idempotency-key": "1"},
                    )

                    assert answer.status_code in (401, 403)
                    assert taken <= 1  # httpx2 itself looks at the first part

    async def test_strangers_share_so_much_memory_and_members_have_their_own(self):
        limit = BodyLimit(reads_it_all, maximum_bytes=1_000, larger={}, strangers_bytes=8_000)
        going = asyncio.Event()

        async def sent(address="192.0.2.1", *, size=900, of_strangers=True):
            return await status_of_a_slow_body(limit, going, address, size=size, of_strangers=of_strangers)

        networks = ["192.0.2.1", *(f"2001:db8:{number}::1" for number in range(1, 8))]
        held = [asyncio.create_task(sent(one)) for one in networks]
        await asyncio.sleep(0)
        assert await sent("192.0.2.1") == 503  # its own share is taken
        assert await sent("2001:db8:7:ffff::9") == 503  # one customer's other household
        for _ in range(20):
            assert await sent("192.0.2.9", size=1_001) == 413  # enlarges nothing
        assert limit._left_for_strangers == 8_000 - 8 * 900
        assert await sent("192.0.2.9") == 503  # what all have together is taken
        member = asyncio.create_task(sent(of_strangers=False))
        going.set()

        assert [await one for one in [*held, member]] == [200] * 9
        assert await sent() == 200
        assert (limit._left_for_strangers, dict(limit._held_by)) == (8_000, {})


async def reads_it_all(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        while (await receive()).get("more_body"):
            pass
    except HTTPException as problem:
        await PlainTextResponse("", problem.status_code)(scope, receive, send)
    else:
        await PlainTextResponse("ok")(scope, receive, send)


async def status_of_a_slow_body(limit, going, address, *, size, of_strangers):
    """Send a body in two parts, the last one once it is `going`; gives the answer's status."""
    answers, parts = [], [b"x" * size, b"x" * 90]

    async def receive():
        if len(parts) == 1:
            await going.wait()
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        answers.append(message)

    state = SimpleNamespace(state=SimpleNamespace(trusted_proxies=()))
    scope = {
        "type": "http", "method": "POST", "path": "/", "headers": [], "client": (address, 1), "app": state,
        OF_STRANGERS: of_strangers,
    }  # fmt: skip
    await Envelope(limit, over_https=False)(scope, receive, send)
    return answers[0]["status"]


class TestBounds:
    async def test_each_route_has_one_address(self, client, acme):
        """The framework's patterns let a line break end a path: nobody was asked who they are."""
        for path in ("/api/v1/leads%0A", "/healthz%0A", "/api/v1/leads%00", "/api/v1/company/logo%0d"):
            for method in ("GET", "POST"):
                answer = await client.request(method, path, headers=acme.headers)
                assert answer.status_code == 404, path

    @pytest.mark.parametrize(
        "name", ["Authorization", "X-API-Key", "Idempotency-Key", "If-Match", "content-type"]
    )
    async def test_a_header_of_which_one_is_read_comes_once(self, client, acme, name):
        """The first one counted, whatever a proxy before us had looked at."""
        others = [pair for pair in acme.headers.items() if pair[0] != name]
        value = acme.headers.get(name, "application/json")
        for method in ("GET", "POST"):
            headers = [*others, (name, value), (name.upper(), "another")]
            answer = await client.request(method, "/api/v1/leads", headers=headers)
            assert answer.status_code == 422
            (error,) = answer.json()["errors"]
            assert (error["pointer"].lower(), error["code"]) == (f"/header/{name.lower()}", "repeated")
        several = [
            *acme.headers.items(),
            ("Accept", "a/b"),
            ("Accept", "*/*"),
            ("Cookie", "a"),
            ("Cookie", "b"),
        ]
        assert (await client.get("/api/v1/leads", headers=several)).status_code == 200

    def test_many_names_cost_no_more_than_one_look_at_each(self):
        """Comparing each with all took 60 ms a request, before anybody was asked who they are."""
        names = [f"{a}{b}".encode() for a in ALPHABET for b in ALPHABET][:1_300]
        hashed = 0

        class Counted(str):
            __slots__ = ()

            def __eq__(self, other):
                nonlocal hashed
                hashed += 1
                return str.__eq__(self, other)

            __hash__ = str.__hash__

        def parse(text, **_):
            return [(Counted(part), "") for part in text.split("&")]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bounds, "parse_qsl", parse)
            assert bounds._names_twice(b"&".join([*names, names[7]])) == [names[7].decode()]
        assert hashed < 2 * len(names)


class TestPatience:
    @staticmethod
    async def ask(app, *, silent, seconds=0.05):
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        patient = Patience(app, is_silent=lambda: silent, seconds=seconds)
        await Envelope(patient, over_https=False)(scope, None, send)
        return sent

    @staticmethod
    async def never(_scope, _receive, _send):
        await asyncio.sleep(30)

    async def test_a_request_ends_when_the_database_is_silent(self):
        sent = await self.ask(self.never, silent=True)

        assert sent[0]["status"] == 503
        assert (b"retry-after", b"1") in sent[0]["headers"]
        assert not asyncio.current_task().cancelling()

    async def test_it_goes_on_while_the_database_answers(self):
        async def slow(scope, receive, send):
            await asyncio.sleep(0.2)
            await PlainTextResponse("ok")(scope, receive, send)

        assert (await self.ask(slow, silent=False))[0]["status"] == 200

    async def test_an_answer_that_has_begun_is_left_alone(self):
        async def streams(_scope, _receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(0.2)
            await send({"type": "http.response.body", "body": b"whole"})

        sent = await self.ask(streams, silent=True)

        assert (sent[0]["status"], sent[-1]["body"]) == (200, b"whole")

    async def test_a_cancellation_of_somebody_elses_goes_through(self):
        asked = asyncio.create_task(
            Patience(self.never, is_silent=lambda: True, seconds=5)({"type": "http"}, None, None)
        )
        await asyncio.sleep(0)
        asked.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_a_request_that_is_cut_off_as_the_process_ends_is_a_503():
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    asked = asyncio.create_task(Envelope(TestPatience.never, over_https=False)(scope, None, send))
    await asyncio.sleep(0)
    asked.cancel()
    await asked

    assert sent[0]["status"] == 503


@pytest.mark.parametrize("page", [False, True])
async def test_a_visitor_who_leaves_in_mid_body_is_a_line_in_the_log(app, form, capfd, page):
    """It was a crash with 70 lines of traceback, counted as our fault."""
    path = (
        f"/f/{form['accessToken']}" if page else f"/api/v1/public/forms/{form['accessToken']}/submissions"
    )
    messages = [
        {"type": "http.request", "body": b"x" * 20, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"100")]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers,
        "query_string": b"", "client": ("192.0.2.1", 1), "scheme": "http", "server": ("test", 80),
    }  # fmt: skip
    await app(scope, receive, send)

    said = capfd.readouterr().err
    assert [message.get("status", 499) for message in sent] == [499] * len(sent)
    assert "crashed" not in said
    assert "status=499" in said


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('"1"', 200),
        ('W/"1"', 200),
        ("*", 200),
        ('W/"7"', 412),
        ('"x"', 412),
        ('"1", "77"', 422),
        ("1", 422),
    ],
)
async def test_a_revision_is_the_same_behind_a_proxy_that_compresses(client, acme, tag, status):
    """nginx makes `W/"1"` of our `"1"`: behind it nobody could change anything, ever."""
    made = await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=acme.headers)

    answer = await client.patch(
        made.headers["location"], json={"notes": "x"}, headers={**acme.headers, "If-Match": tag}
    )

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/header/If-Match"


async def test_a_refusal_names_the_size_and_the_types_of_its_address(client, acme):
    headers = {**acme.headers, "content-type": "image/png"}
    logo = await client.put("/api/v1/company/logo", content=b"x" * 2_000_001, headers=headers)
    lead = await client.post("/api/v1/leads", content=b"x" * 1_000_001, headers=acme.headers)
    wrong = await client.put(
        "/api/v1/company/logo", content=b"x", headers={**acme.headers, "content-type": "image/gif"}
    )

    assert logo.json()["detail"] == "The body is larger than 2 MB."
    assert lead.json()["detail"] == "The body is larger than 1 MB."
    assert wrong.json()["detail"] == "Send the body as image/png, image/jpeg or image/webp."
