import asyncio

from jazzaam.control.preferences.models import NotificationKind

PREFERENCES = "/api/v1/me/notification-preferences"


async def a_lead_arrives(client, company, run_jobs):
    form = (await client.post("/api/v1/forms/platforms/linkedin", headers=company.headers)).json()
    await client.post(
        f"/api/v1/public/forms/{form['accessToken']}/submissions",
        json={"linkedinUrl": "https://www.linkedin.com/in/ada-lovelace"},
    )
    await run_jobs(company)


async def listed(client, headers):
    return (await client.get("/api/v1/notifications", headers=headers)).json()["items"]


async def test_each_kind_can_be_turned_off_and_all_are_on_at_first(client, acme):
    before = await client.get(PREFERENCES, headers=acme.headers)
    assert before.json() == {"inApp": dict.fromkeys(NotificationKind, True)}

    after = await client.patch(PREFERENCES, json={"inApp": {"newLead": False}}, headers=acme.headers)

    assert after.json()["inApp"] == {**before.json()["inApp"], "newLead": False}
    back = await client.patch(PREFERENCES, json={"inApp": {"newLead": True}}, headers=acme.headers)
    assert back.json() == before.json()


async def test_what_is_off_is_listed_no_more_within_a_second_and_for_nobody_else(
    client, acme, join, run_jobs
):
    await a_lead_arrives(client, acme, run_jobs)
    _, colleague = await join(acme)
    assert len(await listed(client, acme.headers)) == len(await listed(client, colleague)) == 1

    await client.patch(PREFERENCES, json={"inApp": {"newLead": False}}, headers=acme.headers)

    async with asyncio.timeout(1):
        while await listed(client, acme.headers):
            await asyncio.sleep(0.01)
    assert len(await listed(client, colleague)) == 1
    me = await client.get("/api/v1/me", headers=acme.headers)
    assert me.status_code == 200, "the tokens are still good"


async def test_one_company_says_nothing_of_another(client, acme, globex, join, plane):
    person, in_acme = await join(acme)
    from_globex = await client.get(PREFERENCES, headers=globex.headers)
    await client.patch(PREFERENCES, json={"inApp": {"newLead": False}}, headers=in_acme)

    assert (await client.get(PREFERENCES, headers=globex.headers)).json() == from_globex.json()
    alone = await client.get(PREFERENCES, headers=person.headers)
    assert alone.json()["type"] == "/problems/NoCompany"


async def test_an_unknown_kind_is_named(client, acme):
    answer = await client.patch(PREFERENCES, json={"inApp": {"weather": False}}, headers=acme.headers)

    assert answer.status_code == 422
