from bson import ObjectId

from jazzaam.control.crm_connections.models import CRM_INTEGRATIONS
from jazzaam.tenancy.database import CompanyScope


async def test_an_adopted_connection_is_shown_without_what_opens_it(client, acme, plane):
    """The original stored tokens in the clear, and had routes that gave them out."""
    rows = CompanyScope(plane.db, ObjectId(acme.id))[CRM_INTEGRATIONS]
    row = {
        "_id": ObjectId(),
        "provider": "hubspot",
        "status": "active",
        "credentials": {"portalId": "portal-secret"},
        "tokens": {"accessToken": "token-secret", "refreshToken": "refresh-secret"},
        "webhooks": {"secret": "hook-secret"},
        "accountInfo": {"accountName": "Acme at HubSpot"},
        "settings": "not what it was",
        "stats": {"totalLeadsSynced": 7},
    }
    await rows.insert(row)

    answer = await client.get("/api/v1/crm-integrations", headers=acme.headers)

    [shown] = answer.json()["items"]
    assert (shown["provider"], shown["accountName"]) == ("hubspot", "Acme at HubSpot")
    assert (shown["totalLeadsSynced"], shown["syncDirection"]) == (7, None)
    assert "secret" not in answer.text
