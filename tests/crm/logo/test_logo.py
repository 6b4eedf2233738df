import asyncio
import contextlib
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from jazzaam.crm.logo import service
from jazzaam.crm.logo.events import LogoReplaced
from jazzaam.crm.logo.jobs import remove_file
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


def test_deep_greys_are_scaled_and_not_cut_off():
    out = BytesIO()
    Image.new("I;16", (4, 4), 32_768).save(out, "PNG")

    with Image.open(BytesIO(drawn_anew(out.getvalue()).png)) as drawn:
        assert drawn.getpixel((1, 1)) == (128, 128, 128)


def test_colours_stay_what_they_were():
    for kind in ("PNG", "WEBP"):
        sent = picture(kind, lossless=True) if kind == "WEBP" else picture(kind)
        with Image.open(BytesIO(drawn_anew(sent).png)) as drawn:
            assert drawn.getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_turned_as_a_viewer_turns_it(orientation):
    marked = Image.new("RGB", (3, 2), "white")
    marked.putpixel((0, 0), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = BytesIO()
    marked.save(out, "PNG", exif=exif)
    with Image.open(BytesIO(out.getvalue())) as viewed:
        expected = list(ImageOps.exif_transpose(viewed).convert("RGB").get_flattened_data())

    with Image.open(BytesIO(drawn_anew(out.getvalue()).png)) as drawn:
        assert list(drawn.get_flattened_data()) == expected


@settings(max_examples=200)
@given(st.data())
def test_bytes_that_were_changed_are_a_picture_or_none(data):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112], exif[0x8769] = "d", 6, {0x9003: "x"}
    sent = bytearray(picture("JPEG", exif=exif))
    for _ in range(data.draw(st.integers(1, 6))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(NotAPicture):
        drawn_anew(bytes(sent))


async def test_a_setting_that_is_no_logo_is_none_and_can_be_replaced(client, acme):
    """Another system may have left one."""
    await acme.db.raw["settings"].insert_one({"_id": "logo", "url": "https://cdn.example/x.png"})

    assert (await client.get(LOGO, headers=acme.headers)).status_code == 404
    assert (await put(client, acme, picture())).status_code == 200
    assert (await client.get(LOGO, headers=acme.headers)).status_code == 200


async def test_a_file_that_never_became_the_logo_is_removed_and_the_logo_is_not(client, acme, application):
    shown = await put(client, acme, picture())
    left = ObjectId()

    async def once():
        yield b"left by a crash"

    await application.workspaces.files.put(acme.db, Shelf.files, left, once())
    logo = await acme.db.raw["settings"].find_one({"_id": "logo"})
    for file_id in (left, logo["fileId"]):
        await remove_file.run(acme.workspace, LogoReplaced(file_id))

    assert [one["_id"] async for one in acme.db.raw["files.files"].find()] == [logo["fileId"]]
    assert (await client.get(path_of(shown))).status_code == 200
    waiting = await acme.db.raw["jobs"].count_documents({"name": "logo.remove_file", "state": "queued"})
    assert waiting == 1, "what removes it, should it be no logo then"


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


async def test_members_do_not_change_it(client, acme, join):
    _, headers = await join(acme)
    headers["Content-Type"] = "image/png"

    assert (await client.put(LOGO, content=picture(), headers=headers)).status_code == 403
