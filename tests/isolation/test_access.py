"""Each route lets in whoever has what it states, and nobody else: roles and API keys, against the rules."""

import pytest
from tests.isolation.cases import CASES, IN_PERSON, OF_ADMINS, address, fill, in_order

from jazzaam.control.memberships.access import FIELD, Access
from jazzaam.control.memberships.permissions import KEY_SCOPES, PERMISSIONS, Permission, Role


def needed(app, route):
    method, path = route
    return app.openapi()["paths"][path][method][FIELD]


def may(role, what):
    return role is Role.owner if what == Access.owner else Permission(what) in PERMISSIONS[role]


@pytest.fixture
async def as_role(acme, join):
    """Somebody's headers with a role in Acme, where they work besides nowhere else."""

    async def headers(role):
        return (await join(acme, role))[1]

    return headers


@pytest.fixture
async def with_scopes(client, acme):
    """The headers of a key of Acme's with some scopes."""

    made = {}

    async def headers(scopes):
        if scopes in made:
            return made[scopes]
        answer = await client.post(
            "/api/v1/api-keys", json={"name": "k", "scopes": sorted(scopes)}, headers=acme.headers
        )
        assert answer.status_code == 201
        made[scopes] = {"X-API-Key": answer.json()["key"]}
        return made[scopes]

    return headers


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_may_what_the_table_says(app, client, acme, things, as_role, role):
    """Members could delete, export and clear everything in the original (S-19)."""
    headers = await as_role(role)
    for route in in_order(CASES):
        (method, path), case = route, CASES[route]
        answer = await client.request(method, address(path, things, case), **case.call(headers))

        allowed = may(role, needed(app, route))
        assert answer.status_code == (case.status if allowed else 403), (route, answer.text)


async def test_a_key_may_what_its_scopes_say(app, client, acme, things, with_scopes, subtests):
    for route in in_order(CASES.keys() - IN_PERSON):
        (method, path), case = route, CASES[route]
        scope = Permission(needed(app, route))
        url = address(path, things, case)
        with subtests.test(route=route):
            others = await with_scopes(KEY_SCOPES - {scope})
            without = await client.request(method, url, **case.call(others))
            with_it = await client.request(method, url, **case.call(await with_scopes(frozenset({scope}))))

            assert without.status_code == 403
            assert str(scope) in without.json()["detail"]
            assert with_it.status_code == case.status


async def test_a_key_hands_out_no_power(client, things, with_scopes, subtests):
    headers = await with_scopes(KEY_SCOPES)
    for route in sorted(IN_PERSON):
        (method, path), case = route, CASES[route]
        with subtests.test(route=route):
            answer = await client.request(method, address(path, things, case), **case.call(headers))

            assert answer.status_code == 403
            assert answer.json()["type"] == "/problems/NotAPerson"


@pytest.mark.parametrize("route", sorted(OF_ADMINS))
async def test_only_who_runs_the_platform_gets_in(app, client, acme, route):
    """The waiting list was anybody's to read and to change (S-18)."""
    method, path = route

    body = {"status": "pending"} if method == "patch" else None
    answer = await client.request(method, fill(path, acme.id), json=body, headers=acme.headers)

    assert needed(app, route) == Access.platform_admin
    assert answer.status_code == 403


def test_admins_lack_two_permissions_of_an_owner_and_nobody_else_has_more():
    lacking = PERMISSIONS[Role.owner] - PERMISSIONS[Role.admin]

    assert lacking == {Permission.billing_write, Permission.company_delete}
    assert PERMISSIONS[Role.viewer] < PERMISSIONS[Role.member] < PERMISSIONS[Role.admin]
