"""`jazzaam run` as a newcomer uses it: real processes, ended in every way there is."""

import os
import re
import signal
import socket
import threading
import time

import httpx2
import pytest
from tests.jobs.servers import Redis, need
from tests.processes import alive, children, free_port, jazzaam, until

DEMO = {"email": "ada@acme.example", "password": "jazzaam-demo-login"}


class Running:
    """What `jazzaam run --demo` prints, and where it answers."""

    def __init__(self, process, log, port):
        self.process, self.log, self.address = process, log, f"http://127.0.0.1:{port}"

    @property
    def said(self):
        return self.log.read_text(errors="replace")

    @property
    def children(self):
        return {name: pid for name, pid in children(self.process.pid).items() if name != "demo"}

    def wait(self):
        until(lambda: "Globex Energy" in self.said or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.said
        return self

    def forms(self):
        return re.findall(rf"{self.address}/f/[0-9a-f]{{64}}", self.said)

    def headers(self):
        answer = httpx2.post(f"{self.address}/api/v1/auth/login", json=DEMO, timeout=20)
        return {"Authorization": f"Bearer {answer.json()['accessToken']}"}

    def leads(self):
        page = httpx2.get(f"{self.address}/api/v1/leads?total=true", headers=self.headers(), timeout=20)
        return page.json()


@pytest.fixture
def place(tmp_path):
    return {"DATA_DIR": str(tmp_path / "jz"), "PORT": str(free_port())}


@pytest.fixture
def run(tmp_path, place):
    def start(number=1):
        log = tmp_path / f"run-{number}.log"
        return jazzaam("run", "--demo", log=log, **place), log

    return start


def test_it_says_where_to_look_and_keeps_what_was_written(run, place):
    starting, log = run(1)
    with starting as process:
        running = Running(process, log, place["PORT"]).wait()
        assert len(running.forms()) == 4
        assert f"{running.address}/docs" in running.said
        assert DEMO["password"] in running.said
        assert running.leads()["total"] == 200
        sent = httpx2.post(running.forms()[0], data={"linkedinUrl": "linkedin.com/in/kept"}, timeout=20)
        assert sent.status_code == 200
        pids = running.children
        idle = socket.create_connection(("127.0.0.1", int(place["PORT"])))
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 10
        idle.close()
    assert set(pids) == {"mongod", "serve", "worker"}
    assert not any(alive(pid) for pid in pids.values())

    starting, log = run(2)
    with starting as process:
        running = Running(process, log, place["PORT"]).wait()
        assert running.leads()["total"] == 201


@pytest.mark.parametrize("child", ["serve", "worker", "mongod"])
def test_a_child_that_is_killed_comes_back_and_nothing_is_lost(run, place, child):
    starting, log = run()
    with starting as process:
        running = Running(process, log, place["PORT"]).wait()
        killed = running.children[child]
        os.kill(killed, signal.SIGKILL)
        until(lambda: running.children.get(child, killed) != killed, 30)
        until(lambda: ready(running.address), 30)

        sent = httpx2.post(running.forms()[0], data={"linkedinUrl": f"linkedin.com/in/{child}"}, timeout=20)

        assert sent.status_code == 200
        assert running.leads()["total"] == 201
        until(lambda: "forms.notify_new_lead" in running.said, 30)


def test_open_requests_get_a_problem_when_mongodb_dies(run, place):
    """They ended in bare 500s."""
    starting, log = run()
    with starting as process:
        running = Running(process, log, place["PORT"]).wait()
        headers, answers, stop = running.headers(), [], threading.Event()

        def ask():
            with httpx2.Client(base_url=running.address, headers=headers, timeout=20) as client:
                while not stop.is_set():
                    try:
                        answer = client.get("/api/v1/leads")
                        answers.append((answer.status_code, answer.headers["content-type"]))
                    except httpx2.TransportError:
                        time.sleep(0.02)

        asking = [threading.Thread(target=ask) for _ in range(6)]
        for thread in asking:
            thread.start()
        until(lambda: len(answers) > 50, 20)
        killed = running.children["mongod"]
        os.kill(killed, signal.SIGKILL)
        until(lambda: running.children.get("mongod", killed) != killed, 30)
        until(lambda: ready(running.address), 30)
        stop.set()
        for thread in asking:
            thread.join()

    assert set(answers) <= {(200, "application/json"), (503, "application/problem+json")}


def test_a_mongodb_that_is_frozen_is_waited_for_no_longer_than_is_said(run, place):
    """The first requests took 14 seconds; the docs promise five."""
    starting, log = run()
    with starting as process:
        running = Running(process, log, place["PORT"]).wait()
        headers, mongod = running.headers(), running.children["mongod"]
        with httpx2.Client(base_url=running.address, headers=headers, timeout=30) as client:
            assert client.get("/api/v1/leads").status_code == 200
            os.kill(mongod, signal.SIGSTOP)
            try:
                waited = []
                for path in ("/api/v1/leads", "/api/v1/leads", "/readyz"):
                    began = time.monotonic()
                    assert client.get(path).status_code == 503
                    waited.append(time.monotonic() - began)
            finally:
                os.kill(mongod, signal.SIGCONT)
            until(lambda: client.get("/api/v1/leads").status_code == 200, 30)

    assert max(waited) < 8  # five, and what a busy machine takes


def test_nothing_outlives_a_supervisor_that_is_killed(run, place):
    starting, log = run(1)
    with starting as process:
        running = Running(process, log, place["PORT"]).wait()
        pids = running.children
        assert len(pids) == 3
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in pids.values()), 10)

    starting, log = run(2)
    with starting as process:
        assert Running(process, log, place["PORT"]).wait().leads()["total"] == 200


def test_a_second_one_on_the_same_data_is_refused_in_one_line(run, place, tmp_path):
    starting, log = run(1)
    with starting as process:
        Running(process, log, place["PORT"]).wait()
        other = tmp_path / "second.log"
        with jazzaam("run", log=other, **{**place, "PORT": str(free_port())}) as second:
            assert second.wait(20) == 2
        assert other.read_text().splitlines() == [
            f"jazzaam: Another Jazzaam is running on {place['DATA_DIR']}."
        ]


def test_a_port_that_is_taken_is_one_line(run, place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(place["PORT"])))
        taken.listen()
        starting, log = run()
        with starting as process:
            assert process.wait(20) == 2
    lines = log.read_text().splitlines()
    assert len(lines) == 1
    assert f"Port {place['PORT']}" in lines[0]
    assert "JAZZAAM_PORT" in lines[0]


def ready(address):
    try:
        return httpx2.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.mark.slow
def test_with_a_broker_there_is_a_relay_beside_the_worker(run, place, tmp_path):
    need(Redis)
    folder = tmp_path / "redis"
    folder.mkdir()
    redis = Redis(folder)
    redis.start()
    place["BROKER_URL"] = redis.url
    try:
        starting, log = run()
        with starting as process:
            running = Running(process, log, place["PORT"]).wait()
            until(lambda: "relay" in running.children, 30)
            sent = httpx2.post(
                running.forms()[0], data={"linkedinUrl": "linkedin.com/in/relayed"}, timeout=20
            )
            assert sent.status_code == 200
            until(lambda: "forms.notify_new_lead" in running.said, 30)
            assert set(running.children) == {"mongod", "serve", "worker", "relay"}
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
    finally:
        redis.end()
