"""The OpenAPI document against a live server: every operation answers as it is documented."""

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks
from tests.processes import accepts, free_port, jazzaam, until

DEMO = {"email": "ada@acme.example", "password": "jazzaam-demo-login"}
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def server(mongod, tmp_path_factory):
    """A real server with the demo's companies, on databases of its own."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    place = {
        "DATA_DIR": str(folder / "jz"),
        "PORT": str(port),
        "MONGODB_URI": mongod.uri("jazzaam_operator"),
        "SYSTEM_DATABASE": "contract_system",
        "DATABASE_PREFIX": "contract_company_",
        "SIGNUPS_PER_NETWORK": "100000",
        "SIGNUPS_TOTAL": "100000",
        "LOGINS_PER_NETWORK": "100000",
    }
    with jazzaam("demo", log=folder / "demo.log", **place) as demo:
        assert demo.wait(60) == 0
    with jazzaam("serve", log=folder / "serve.log", **place):
        until(lambda: accepts(port), 30)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def token(server):
    answer = httpx2.post(f"{server}/api/v1/auth/login", json=DEMO, timeout=20)
    return answer.json()["accessToken"]


@pytest.fixture(scope="module")
def live(server):
    return schemathesis.openapi.from_url(f"{server}/api/v1/openapi.json")


EXCLUDED = [
    # a random token or id is meant to be a 404 or a 401, whatever its form
    checks.positive_data_acceptance,
    # a form takes fields that nobody declared
    checks.negative_data_rejection,
    # sent by our own test without a token on purpose elsewhere
    checks.ignored_auth,
]


def check_all(schema, server, token, how):
    """Call every operation with what its description allows, and with what it does not."""
    failures = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/api/v1/auth/logout"):
            continue  # it would end the session of this very test

        @how
        @given(case=cases(operation))
        def call(case):
            case.call_and_validate(
                base_url=server,
                headers={"Authorization": f"Bearer {token}"},
                excluded_checks=EXCLUDED,
                timeout=20,
            )

        try:
            call()
        except (FailureGroup, AssertionError) as failure:
            failures[operation.label] = str(failure)[:3000]
    return failures


def cases(operation):
    return st.one_of(
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )


def test_every_operation_answers_as_documented(live, server, token):
    assert check_all(live, server, token, QUICK) == {}


@pytest.mark.slow
def test_every_operation_answers_as_documented_at_length(live, server, token):
    assert check_all(live, server, token, THOROUGH) == {}
