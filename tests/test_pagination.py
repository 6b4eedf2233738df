"""Pages of rows by time, also of those that another system wrote without one."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from jazzaam.crm.notifications.models import NOTIFICATIONS
from jazzaam.pagination import newest_first

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_every_row_comes_once_the_newest_first_and_those_without_a_time_last(acme, limit):
    rows = acme.db[NOTIFICATIONS]
    times = [AT, AT.replace(year=2025), AT, None, ..., None]
    made = []
    for time in times:
        row = {"_id": ObjectId()} if time is ... else {"_id": ObjectId(), "createdAt": time}
        await rows.insert(row)
        made.append(row)

    seen, position = [], None
    while True:
        page, position = await newest_first(
            rows, {}, {"_id": 1, "createdAt": 1}, limit, position, by="createdAt"
        )
        seen += [row["_id"] for row in page]
        if position is None:
            break

    assert seen[:3] == [made[2]["_id"], made[0]["_id"], made[1]["_id"]]
    assert seen[3:] == [made[5]["_id"], made[4]["_id"], made[3]["_id"]]
