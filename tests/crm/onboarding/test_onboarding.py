import pytest

from jazzaam.crm.forms.models import FORMS

ONBOARDING = "/api/v1/company/onboarding"
TOLD = {
    "companyName": "Acme Ltd",
    "description": "We make everything",
    "service": "Consulting",
    "subServices": ["Strategy", "Processes"],
}


async def test_a_company_says_what_it_does_and_has_a_form_for_each_platform(client, acme):
    answer = await client.post(ONBOARDING, json=TOLD, headers=acme.headers)

    assert answer.status_code == 200
    company = answer.json()
    assert company["companyOnboarding"] is True
    assert company["companySubServices"] == TOLD["subServices"]
    forms = (await client.get("/api/v1/forms", headers=acme.headers)).json()["items"]
    assert {form["formType"] for form in forms} == {"linkedin", "meta", "twitter", "instagram"}


async def test_a_second_time_changes_the_profile_and_makes_no_second_form(client, acme):
    await client.post("/api/v1/forms/platforms/meta", headers=acme.headers)
    await client.post(ONBOARDING, json=TOLD, headers=acme.headers)

    again = await client.post(ONBOARDING, json={**TOLD, "service": "Design"}, headers=acme.headers)

    assert again.json()["companyServiceType"] == "Design"
    assert await acme.db[FORMS].count({}) == 4


@pytest.mark.parametrize("name", [*TOLD])
async def test_each_part_is_needed(client, acme, name):
    empty = {**TOLD, name: [] if name == "subServices" else "  "}

    answer = await client.post(ONBOARDING, json=empty, headers=acme.headers)

    assert answer.status_code == 422
    assert await acme.db[FORMS].count({}) == 0


async def test_with_a_key_it_makes_every_form_and_is_answered_again(client, acme):
    headers = {**acme.headers, "Idempotency-Key": "once"}

    answers = [await client.post(ONBOARDING, json=TOLD, headers=headers) for _ in range(2)]

    assert [one.status_code for one in answers] == [200, 200]
    assert await acme.db[FORMS].count({}) == 4
