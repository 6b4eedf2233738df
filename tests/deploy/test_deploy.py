"""The files of `deploy/`, and the pages about them, followed as an operator would."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.processes import environment, free_port, jazzaam, until

from jazzaam.cli import cli
from jazzaam.config import Settings
from jazzaam.crm.leads.models import LEADS
from jazzaam.tenancy.users import OPERATOR

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
HOW_TO = ROOT / "docs" / "how-to"
PROBLEM = "application/problem+json"
NAMES = {"crm.example.com", "forms.example.com"}


def need_program(name):
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}: apt install it")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


class TestCompose:
    def test_it_runs_what_the_page_says(self, compose):
        commands = [service.get("command") for service in compose["services"].values()]

        assert [commands.count(one) for one in ("serve", "relay", "worker")] == [2, 1, 2]
        known = {command.name or command.callback.__name__ for command in cli.registered_commands}
        assert {"serve", "relay", "worker"} <= known
        assert {"mongo", "redis", "proxy"} <= compose["services"].keys()

    def test_only_the_proxy_is_reached_from_outside(self, compose):
        open_ports = {name for name, service in compose["services"].items() if "ports" in service}

        assert open_ports == {"proxy"}

    def test_every_service_waits_for_one_that_is_there(self, compose):
        services = compose["services"]
        for service in services.values():
            assert set(service.get("depends_on", ())) <= services.keys()
            for volume in service.get("volumes", ()):
                source, _, target = volume.partition(":")
                assert target.startswith("/")
                assert source in compose["volumes"] or (DEPLOY / source).exists() or source == "./tls"
            for secret in service.get("secrets", ()):
                assert secret in compose["secrets"]

    def test_no_process_of_ours_may_write_but_where_it_must(self, compose):
        for service in compose["services"].values():
            if service.get("image") == "jazzaam:local":
                assert service["read_only"] is True
                assert service["cap_drop"] == ["ALL"]
                assert service["stop_grace_period"] == "15s"

    def test_the_proxy_that_is_trusted_is_the_proxy_alone(self, compose):
        """The network's gateway was trusted too: strangers came with an address of their choice."""
        address = compose["services"]["proxy"]["networks"]["default"]["ipv4_address"]

        assert f"`JAZZAAM_TRUSTED_PROXIES={address}/32`" in (HOW_TO / "deploy.md").read_text()

    def test_every_setting_in_it_is_one(self, compose):
        settings = {f"JAZZAAM_{name.upper()}" for name in Settings.model_fields}
        for service in compose["services"].values():
            named = {name for name in service.get("environment", ()) if name.startswith("JAZZAAM_")}
            assert named <= settings

    def test_what_holds_secrets_is_ignored_by_git_and_by_the_image(self, compose):
        ignored = (ROOT / ".gitignore").read_text() + (ROOT / ".dockerignore").read_text()
        for place in ("deploy/*.env", "deploy/secrets", "deploy/tls"):
            assert ignored.count(place) == 2


def test_the_image_passes_its_linter():
    linter = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run(
        [linter, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
    )

    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_users_script_is_as_the_code_says():
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))

    assert (DEPLOY / "users.js").read_text() == generate["users_script"](), "run `make docs`"
    passwords = set(re.findall(r'"password": "(\w+)"', generate["users_script"]()))
    page = (HOW_TO / "deploy.md").read_text()
    names = re.search(r"for user in ([A-Z ]+);", page)[1].split()
    assert passwords == {f"JAZZAAM_{name}_PASSWORD" for name in names}


def test_units_start_the_commands_there_are_and_end_them_in_time():
    for unit in (DEPLOY / "systemd").glob("*.service"):
        text = unit.read_text()
        command = re.search(r"^ExecStart=/opt/jazzaam/bin/jazzaam (\w+)$", text, re.MULTILINE)[1]
        assert command in ("serve", "relay", "worker")
        assert "TimeoutStopSec=15" in text


@pytest.mark.slow
def test_units_are_what_systemd_takes(tmp_path):
    need_program("systemd-analyze")
    for unit in (DEPLOY / "systemd").glob("*.service"):
        ours = Path(sys.executable).with_name("jazzaam")
        text = unit.read_text().replace("/opt/jazzaam/bin/jazzaam", str(ours))
        (tmp_path / unit.name).write_text(text)

    checked = subprocess.run(
        [shutil.which("systemd-analyze"), "verify", *tmp_path.glob("*.service")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


def certificate(folder):
    """Write a certificate for both names, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.mark.slow
async def test_nginx_in_front_tells_the_origins_apart_and_changes_no_revision(
    tmp_path, settings, acme, app
):
    need_program("nginx")
    web, plain, tls = free_port(), free_port(), free_port()
    certificate(tmp_path)
    ours = (DEPLOY / "nginx" / "jazzaam.conf").read_text()
    for before, after in (
        (r"server web-1:8000 .*\n    server web-2:8000 .*", f"server 127.0.0.1:{web};"),
        (r"listen 80;\n    listen \[::\]:80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ssl;\n    listen \[::\]:443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
        (r"/etc/nginx/tls", str(tmp_path)),
        (r"/var/log/nginx", str(tmp_path)),
    ):
        ours, changed = re.subn(before, after, ours)
        assert changed
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    itself = f"user {getpass.getuser()};" if os.getuid() == 0 else ""  # who may write below tmp_path
    whole = f"{itself}daemon off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
    (tmp_path / "nginx.conf").write_text(f"{whole}http {{\n{temporary}{ours}\n}}\n")
    command = ["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=30)
    assert tried.returncode == 0, tried.stderr
    given = {
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "DATA_DIR": str(settings.data_dir),
        "PORT": str(web),
        "PUBLIC_URL": "https://crm.example.com",
        "FORMS_URL": "https://forms.example.com",
        "TRUSTED_PROXIES": "127.0.0.1/32",
    }
    with (
        jazzaam("serve", log=tmp_path / "log", **given) as web_process,
        subprocess.Popen(command) as nginx,
        httpx2.Client(base_url=f"https://127.0.0.1:{tls}", verify=False, timeout=10) as client,
    ):
        try:
            crm, forms = {"Host": "crm.example.com"}, {"Host": "forms.example.com"}
            until(lambda: _status(client, "/readyz", crm) == 200, 30)
            body = {"fullName": "Ada", "notes": "x" * 2_000}
            made = client.post("/api/v1/leads", json=body, headers={**crm, **acme.headers})
            read = client.get(made.headers["location"], headers={**crm, **acme.headers})
            tag = read.headers["etag"]
            changed = client.patch(
                made.headers["location"],
                json={"notes": "y"},
                headers={**crm, **acme.headers, "If-Match": tag},
            )
            logged = (tmp_path / "access.log").read_text()

            assert read.headers["content-encoding"] == "gzip"
            assert tag.startswith("W/")
            assert changed.status_code == 200
            assert _status(client, f"/f/{'0' * 64}", forms) == 404
            assert "<html" in client.get(f"/f/{'0' * 64}", headers=forms).text
            assert client.get("/api/v1/leads", headers=forms).status_code == 404
            moved = httpx2.get(f"http://127.0.0.1:{plain}/x", headers=crm)
            assert (moved.status_code, moved.headers["location"]) == (301, "https://crm.example.com/x")
            assert "?" not in logged
            large = client.put(
                "/api/v1/company/logo", content=b"x" * 3_000_000, headers={**crm, **acme.headers}
            )
            assert (large.status_code, large.headers["content-type"]) == (413, PROBLEM)
            web_process.terminate()
            web_process.wait(15)
            for method in ("GET", "PUT", "DELETE", "POST"):
                away = client.request(method, "/api/v1/leads/1", headers=crm)
                assert (away.status_code, away.headers["content-type"]) == (503, PROBLEM)
                assert away.json()["type"] == "/problems/Unavailable"
                assert away.headers["retry-after"] == "2"
        finally:
            nginx.terminate()
            nginx.wait(10)


def _status(client, path, headers):
    try:
        return client.get(path, headers=headers).status_code
    except httpx2.TransportError:
        return 0


def block(page, name):
    return re.search(rf"```sh {name}\n(.*?)```", (HOW_TO / page).read_text(), re.DOTALL)[1]


def follow(script, **names):
    """Run lines of a page as they stand."""
    bin_folder = Path(sys.executable).parent
    run = {**environment(), **names, "PATH": f"{bin_folder}:/usr/bin:/bin:/usr/sbin:/sbin"}
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        env=run,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_that_was_made_as_the_page_says_comes_back(tmp_path):
    data, backups, back = tmp_path / "data", tmp_path / "backups", tmp_path / "back"
    backups.mkdir()
    first, port = tmp_path / "first.log", free_port()
    with jazzaam("run", "--demo", log=first, DATA_DIR=str(data), PORT=str(port)):
        until(lambda: "Globex Energy" in first.read_text(errors="replace"), 60)
        form = re.search(r"/f/[0-9a-f]{64}", first.read_text())[0]
        sent = {"linkedinUrl": "linkedin.com/in/kept"}
        assert httpx2.post(f"http://127.0.0.1:{port}{form}", data=sent, timeout=20).status_code == 200

    follow(block("back-up.md", "backup"), D=str(data), B=str(backups))
    shutil.rmtree(data)
    follow(block("back-up.md", "restore"), D=str(back), B=str(backups))

    second = tmp_path / "second.log"
    with jazzaam("run", log=second, DATA_DIR=str(back), PORT=str(port)):
        address = f"http://127.0.0.1:{port}/api/v1"
        until(lambda: _login(address) is not None, 60)
        headers = {"Authorization": f"Bearer {_login(address)}"}
        leads = httpx2.get(f"{address}/leads?total=true", headers=headers, timeout=20).json()
        assert leads["total"] == 201
        verified = follow("jazzaam audit verify", JAZZAAM_DATA_DIR=str(back))
    assert verified.splitlines()[-1] == "Nothing is wrong."


def _login(address):
    try:
        body = {"email": "ada@acme.example", "password": "jazzaam-demo-login"}
        return httpx2.post(f"{address}/auth/login", json=body, timeout=20).json().get("accessToken")
    except httpx2.TransportError:
        return None


async def test_a_company_that_was_saved_as_the_page_says_comes_back(
    client, acme, application, settings, tmp_path
):
    await client.post("/api/v1/leads", json={"fullName": "Ada"}, headers=acme.headers)
    given = {
        f"JAZZAAM_{name.upper()}": value.get_secret_value()
        for name in ("mongodb_uri", "mongodb_operator_uri", "mongodb_auditor_uri")
        if (value := getattr(settings, name))
    }
    given |= {
        "JAZZAAM_SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "JAZZAAM_ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "JAZZAAM_AUDIT_KEYS": settings.audit_keys[0].get_secret_value(),
        "JAZZAAM_DATA_DIR": str(settings.data_dir),
    }
    names = {**given, "B": str(tmp_path), "COMPANY": acme.id}

    await asyncio.to_thread(follow, block("back-up.md", "company"), **names)
    client_of_operator = application.deployment.clusters.client("main", OPERATOR)
    await client_of_operator.drop_database(f"jazzaam_company_{acme.id}")
    await asyncio.to_thread(follow, block("back-up.md", "company-restore"), **names)

    application.deployment.tenancy.catalog.forget(acme.id)
    with await application.deployment.tenancy.open(acme.id) as db:
        assert await db[LEADS].count({}) == 1
    again = await client.get("/api/v1/leads", headers=acme.headers)
    assert [lead["fullName"] for lead in again.json()["items"]] == ["Ada"]
