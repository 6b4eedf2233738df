import asyncio
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from PIL import Image, PngImagePlugin

from jazzaam.control.memberships.permissions import Role
from jazzaam.control.memberships.repository import MembershipRepository
from jazzaam.crm.logo import service
from jazzaam.crm.logo.picture import NotAPicture, drawn_anew
from jazzaam.integrations.files import FileMissing, Shelf
from jazzaam.signing import Keyring
from jazzaam.tenancy.models import TenantId

LOGO = "/api/v1/company/logo"


def picture(kind="PNG", size=(40, 20), mode="RGB", **options):
    out = BytesIO()
    Image.new(mode, size, "red" if mode != "RGBA" else (255, 0, 0, 128)).save(out, kind, **options)
    return out.getvalue()


async def put(client, company, content, media_type="image/png"):
    headers = {**company.headers, "Content-Type": media_type}
    return await client.put(LOGO, content=content, headers=headers)


def path_of(answer):
    return urlsplit(answer.json()["url"]).path


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "CMYK"), ("WEBP", "RGBA")]
)
async def test_each_kind_is_shown_to_anybody_as_a_png_that_we_drew(client, acme, kind, mode):
    answer = await put(client, acme, picture(kind, mode=mode), f"image/{kind.lower()}")

    assert answer.json() | {"url": ""} == {"url": "", "width": 40, "height": 20}
    shown = await client.get(path_of(answer))
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "public" in shown.headers["cache-control"]
    with Image.open(BytesIO(shown.content)) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (40, 20))
        assert drawn.mode == ("RGBA" if mode == "RGBA" else "RGB")


def test_nothing_that_was_sent_comes_through_but_its_pixels():
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "<script>alert(1)</script>")
    sent = picture(pnginfo=note) + b"<?php hidden ?>"
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "where I live", 6  # a description, and: turn it
    turned = picture("JPEG", exif=exif)

    for drawn in (drawn_anew(sent), drawn_anew(turned)):
        assert b"script" not in drawn.png
        assert b"hidden" not in drawn.png
        assert b"where I live" not in drawn.png
    assert drawn_anew(turned)[1:] == (20, 40)


def test_a_large_one_is_made_smaller():
    assert drawn_anew(picture(size=(2000, 1000)))[1:] == (512, 256)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture()[:50],
        picture("GIF", mode="P"),
        picture("BMP"),
        picture("TIFF"),
        picture(size=(6000, 5000)),  # decoded it would take 90 MB, sent it is 90 kB
    ],
)
async def test_what_is_no_picture_of_ours_is_refused(client, acme, sent):
    """Uploads were kept as they came, under their own names, and served (S-31)."""
    with pytest.raises(NotAPicture):
        drawn_anew(sent)

    answer = await put(client, acme, sent)

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/PictureRefused"
    assert (await client.get(LOGO, headers=acme.headers)).status_code == 404


async def test_two_megabytes_and_no_more(client, acme):
    fits = picture() + bytes(2_000_000 - len(picture()))

    assert (await put(client, acme, fits)).status_code == 200
    assert (await put(client, acme, fits + b"x")).status_code == 413
    lead = await client.post("/api/v1/leads", content=b"x" * 1_000_001, headers=acme.headers)
    assert lead.status_code == 413


async def test_another_kind_of_body_is_a_415(client, acme):
    for media_type in ("application/json", "image/svg+xml", "text/html", ""):
        assert (await put(client, acme, picture(), media_type)).status_code == 415


async def test_a_new_logo_has_a_new_address_and_the_old_one_shows_nothing(client, acme, run_jobs):
    first = await put(client, acme, picture())
    second = await put(client, acme, picture(size=(10, 10)))

    assert (await client.get(path_of(first))).status_code == 404
    assert (await client.get(path_of(second))).status_code == 200
    _, old = service.tenant_of_link(acme.workspace.services.keyring, path_of(first).rpartition("/")[2])
    await run_jobs(acme)
    with pytest.raises(FileMissing):
        await acme.workspace.services.files.size(acme.db, Shelf.files, old)


async def test_a_removed_logo_is_seen_no_more(client, acme, run_jobs):
    shown = await put(client, acme, picture())
    assert (await client.delete(LOGO, headers=acme.headers)).status_code == 204

    assert (await client.get(path_of(shown))).status_code == 404
    assert (await client.get(LOGO, headers=acme.headers)).status_code == 404
    assert (await client.delete(LOGO, headers=acme.headers)).status_code == 404
    await run_jobs(acme)
    assert await acme.db.raw["files.files"].count_documents({}) == 0


async def test_the_address_of_one_company_shows_nothing_of_another(client, acme, globex):
    """The positive control is that both addresses show their own."""
    ours, theirs = await put(client, acme, picture()), await put(client, globex, picture(size=(9, 9)))
    keyring = acme.workspace.services.keyring
    _, file_id = service.tenant_of_link(keyring, path_of(ours).rpartition("/")[2])
    mixed = keyring.seal("logo", {"t": globex.id, "f": file_id})
    other_purpose = keyring.seal("download", {"t": acme.id, "f": file_id})
    forged = Keyring(["x" * 32]).seal("logo", {"t": acme.id, "f": file_id})

    assert (await client.get(path_of(ours))).content != (await client.get(path_of(theirs))).content
    for link in (mixed, other_purpose, forged, "x", path_of(ours)[3:-1]):
        assert (await client.get(f"/i/{link}")).status_code == 404


async def test_a_closed_companys_logo_is_seen_no_more_within_a_second(client, acme, application):
    shown = await put(client, acme, picture())
    await application.deployment.erasure.suspend(TenantId(acme.id))

    async with asyncio.timeout(1):
        while (await client.get(path_of(shown))).status_code != 404:
            await asyncio.sleep(0.01)


async def test_members_do_not_change_it(client, acme, make_company, plane):
    person = await make_company("Person", account_type="user")
    team = MembershipRepository(plane.db, ObjectId(acme.id))
    await team.add(ObjectId(person.id), Role.member, plane.clock.now())
    switched = await client.post(
        "/api/v1/auth/switch-company", json={"companyId": acme.id}, headers=person.headers
    )
    headers = {
        "Authorization": f"Bearer {switched.json()['accessToken']}",
        "Content-Type": "image/png",
    }

    assert (await client.put(LOGO, content=picture(), headers=headers)).status_code == 403
