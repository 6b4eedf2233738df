"""What cannot work is refused at start, in one line, with exit status 2."""

import subprocess

import pytest
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure
from tests.processes import free_port, jazzaam, until

from jazzaam.embedded.find import find_mongod


@pytest.fixture(scope="module")
def standalone(tmp_path_factory):
    """A mongod as people start it without thinking: no replica set."""
    folder, port = tmp_path_factory.mktemp("standalone"), free_port()
    process = subprocess.Popen(
        [find_mongod().path, "--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1",
         "--nounixsocket", "--logpath", folder / "log"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: answers(port), 30)
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"
    finally:
        process.kill()
        process.wait()


def answers(port):
    try:
        with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=200) as client:
            return client.admin.command("ping")
    except ConnectionFailure:
        return False


def lines_of(tmp_path, *arguments, status=2, **settings):
    data = tmp_path / "jz"
    log = tmp_path / "log"
    with jazzaam(*arguments, log=log, **{"DATA_DIR": str(data), **settings}) as process:
        assert process.wait(30) == status, log.read_text()
    return log.read_text().splitlines()


def test_a_relay_without_a_broker_is_refused(tmp_path, mongod):
    (line,) = lines_of(tmp_path, "relay", **fresh(mongod))

    assert line.startswith("jazzaam: JAZZAAM_BROKER_URL is not set")


def test_an_empty_setting_counts_as_unset(tmp_path, mongod):
    """As compose and systemd hand on a variable that nobody filled in."""
    empty = {"BROKER_URL": "", "PORT": "", "TRUSTED_PROXIES": "", "FORMS_URL": ""}
    (line,) = lines_of(tmp_path, "relay", **{**fresh(mongod), **empty})

    assert line.startswith("jazzaam: JAZZAAM_BROKER_URL is not set")


def test_doctor_tries_the_broker_and_keeps_its_password(tmp_path, mongod):
    away = f"redis://:a-secret@127.0.0.1:{free_port()}/0"
    lines = lines_of(tmp_path, "doctor", status=1, BROKER_URL=away, **fresh(mongod))

    assert [line for line in lines if line.startswith("LACKS")] == [
        "LACKS  broker: does not take us: ConnectionError"
    ]
    assert "a-secret" not in "".join(lines)


@pytest.mark.parametrize("command", ["serve", "worker", "demo"])
def test_a_standalone_is_refused(tmp_path, standalone, command):
    lines = lines_of(tmp_path, command, MONGODB_URI=standalone, PORT=str(free_port()))

    assert len(lines) == 1
    assert "standalone" in lines[0]
    assert "replica set" in lines[0]


def test_doctor_names_what_a_standalone_lacks(tmp_path, standalone):
    lines = lines_of(tmp_path, "doctor", status=1, MONGODB_URI=standalone)

    lacking = {line.split()[1].rstrip(":") for line in lines if line.startswith("LACKS")}
    assert {"replica", "transactions", "change"} <= lacking
    assert "createUser" not in lacking


def fresh(mongod):
    """A deployment in which no encryption key is in use yet."""
    return {"MONGODB_URI": mongod.uri("jazzaam_operator"), "SYSTEM_DATABASE": "jazzaam_fresh"}


def test_doctor_examines_each_user(tmp_path, mongod):
    lines = lines_of(
        tmp_path, "doctor", status=1, **fresh(mongod),
        MONGODB_RELAY_URI=mongod.uri("jazzaam_relay").replace("jazzaam_relay:", "nobody:"),
        MONGODB_WATCHER_URI=mongod.uri("jazzaam_relay"),
        MONGODB_AUDITOR_URI=mongod.uri("jazzaam_relay"),
    )  # fmt: skip

    lacking = [line.split(":")[0] for line in lines if line.startswith("LACKS")]
    assert lacking == ["LACKS  user relay", "LACKS  user watcher", "LACKS  user auditor"]


def test_doctor_tries_where_mails_and_heads_go(tmp_path, mongod):
    nowhere = f"smtp://us:a-secret@127.0.0.1:{free_port()}"
    lines = lines_of(
        tmp_path, "doctor", status=1, **fresh(mongod), SMTP_URL=nowhere,
        AUDIT_HEADS=str(tmp_path / "not mounted" / "audit" / "heads.jsonl"),
    )  # fmt: skip

    mail, heads = [line for line in lines if line.startswith("LACKS")]
    assert mail == "LACKS  mail: the server does not take us: SMTPConnectError"
    assert heads.startswith("LACKS  audit heads: No such file or directory: ")
    assert "a-secret" not in "".join(lines)


def test_doctor_leaves_nothing_behind_also_where_it_may_not_drop(tmp_path, mongod):
    lines_of(
        tmp_path, "doctor", status=1, MONGODB_URI=mongod.uri("jazzaam_app"), SYSTEM_DATABASE="jazzaam_fresh"
    )

    with MongoClient(mongod.uri("jazzaam_root")) as client:
        assert [name for name in client.list_database_names() if "doctor" in name] == []


def test_doctor_finds_nothing_wrong_with_the_embedded_one(tmp_path, mongod):
    lines = lines_of(tmp_path, "doctor", status=0, **fresh(mongod))

    assert all(line.startswith("ok") for line in lines)
    assert len(lines) == 19


def test_doctor_leaves_nothing_behind(tmp_path, mongod):
    lines_of(tmp_path, "doctor", status=0, **fresh(mongod))

    with MongoClient(mongod.uri("jazzaam_root")) as client:
        assert [name for name in client.list_database_names() if "doctor" in name] == []
        users = client.admin.command("usersInfo")["users"]
        assert [user["user"] for user in users if "doctor" in user["user"]] == []


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"PORT": "0"}, "JAZZAAM_PORT"),
        ({"PORT": "x"}, "JAZZAAM_PORT"),
        ({"PORT": "x", "READY_TENANTS": "-1"}, "JAZZAAM_READY_TENANTS"),
        ({"CLUSTERS": '{"eu-2": {}}'}, "JAZZAAM_CLUSTERS.eu-2.app"),
        ({"SECRET_KEY": "short"}, "JAZZAAM_SECRET_KEY"),
        (
            {"ENVIRONMENT": "production"},
            "JAZZAAM_SECRET_KEY: is needed in production; JAZZAAM_ENCRYPTION_KEYS: is needed",
        ),
        (
            {"ENVIRONMENT": "production", "SECRET_KEY": "x" * 32},
            "JAZZAAM_ENCRYPTION_KEYS: is needed in production",
        ),
        (
            {"ENVIRONMENT": "production", "SECRET_KEY": "x" * 32, "ENCRYPTION_KEYS": "y" * 32},
            "JAZZAAM_AUDIT_KEYS: is needed in production",
        ),
        (
            {
                "ENVIRONMENT": "production",
                "SECRET_KEY": "x" * 32,
                "ENCRYPTION_KEYS": "y" * 32,
                "AUDIT_KEYS": "z" * 32,
            },
            "JAZZAAM_FORMS_URL: must be another origin",
        ),
        ({"CLUSTERS": '{"main": {"app": "mongodb://localhost"}}'}, "'main' is the name of"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "JAZZAAM_TRUSTED_PROXIES"),
        ({"PUBLIC_URL": "ftp://x"}, "JAZZAAM_PUBLIC_URL"),
        ({"SYSTEM_DATABASE": "jazzaam_company_system"}, "could be a company's"),
        ({"SMTP_URL": "http://x", "MONGODB_URI": "mongodb://127.0.0.1:1/"}, "JAZZAAM_SMTP_URL"),
        ({"BROKER_URL": "sqs://x:secret@localhost"}, "JAZZAAM_BROKER_URL: begins with one of redis://"),
        ({"MONGODB_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"}, "does not answer"),
        ({}, "There is no MongoDB"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path, settings, names):
    lines = lines_of(tmp_path, "serve", **settings)

    assert len(lines) == 1
    assert lines[0].startswith("jazzaam: ")
    assert names in lines[0]


def test_production_does_not_run_the_wheels_mongod(tmp_path):
    if find_mongod().origin != "wheel":
        pytest.skip("this machine has a mongod of its own")
    lines = lines_of(
        tmp_path,
        "run",
        ENVIRONMENT="production",
        SECRET_KEY="x" * 32,
        ENCRYPTION_KEYS="y" * 32,
        AUDIT_KEYS="z" * 32,
        PUBLIC_URL="https://crm.example.com",
        FORMS_URL="https://forms.example.com",
        PORT=str(free_port()),
    )

    assert "out of support" in lines[-1]


def test_production_has_no_demo(tmp_path, mongod):
    lines = lines_of(
        tmp_path,
        "demo",
        ENVIRONMENT="production",
        SECRET_KEY="x" * 32,
        ENCRYPTION_KEYS="y" * 32,
        AUDIT_KEYS="z" * 32,
        PUBLIC_URL="https://crm.example.com",
        FORMS_URL="https://forms.example.com",
        MONGODB_URI=mongod.uri("jazzaam_operator"),
    )

    assert "not for production" in lines[-1]


def test_a_misspelt_setting_is_pointed_out(tmp_path, mongod):
    lines = lines_of(tmp_path, "doctor", status=0, PROT="1", **fresh(mongod))

    assert "JAZZAAM_PROT" in lines[0]
