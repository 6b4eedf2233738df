from bson import ObjectId

from jazzaam.tenancy.models import TenantId

TENANTS = "/api/v1/admin/tenants"


async def test_who_runs_the_platform_sees_the_state_of_companies(client, acme, admin, application):
    one = await client.get(f"{TENANTS}/{acme.id}", headers=admin.headers)

    assert one.json() == {
        "id": acme.id,
        "companyName": "Acme",
        "status": "active",
        "tier": "shared",
        "cluster": "main",
        "subscriptionPlan": "free",
        "createdAt": one.json()["createdAt"],
        "eraseAfter": None,
    }
    page = (await client.get(TENANTS, headers=admin.headers)).json()
    assert one.json() in page["items"]


async def test_by_status_and_page_by_page(client, acme, globex, admin, application):
    await application.deployment.erasure.suspend(TenantId(acme.id))
    await application.deployment.erasure.suspend(TenantId(globex.id))
    asked = {"status": "suspended", "limit": 1}

    first = (await client.get(TENANTS, params=asked, headers=admin.headers)).json()
    second = (
        await client.get(TENANTS, params={**asked, "after": first["next"]}, headers=admin.headers)
    ).json()

    assert [first["items"][0]["id"], second["items"][0]["id"]] == sorted([acme.id, globex.id], reverse=True)
    other = {"status": "active", "after": first["next"]}
    assert (await client.get(TENANTS, params=other, headers=admin.headers)).status_code == 422


async def test_a_spare_database_is_no_company(client, admin, application):
    listed = (await client.get(TENANTS, params={"limit": 100}, headers=admin.headers)).json()["items"]

    assert {one["status"] for one in listed} <= {"active", "suspended", "erasing"}
    unknown = await client.get(f"{TENANTS}/{ObjectId()}", headers=admin.headers)
    assert unknown.json()["type"] == "/problems/CompanyUnknown"
