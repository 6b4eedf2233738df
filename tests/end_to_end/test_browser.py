"""A visitor's own browser: Chromium opens a hosted form, framed by another origin too, and sends it."""

import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from tests.processes import free_port, jazzaam, until

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("browser"), free_port()
    log = folder / "log"
    with jazzaam("run", "--demo", log=log, DATA_DIR=str(folder / "jz"), PORT=str(port)):
        until(lambda: "Globex Energy" in log.read_text(errors="replace"), 60)
        forms = re.findall(rf"http://127\.0\.0\.1:{port}/f/[0-9a-f]{{64}}", log.read_text())
        yield f"http://127.0.0.1:{port}", forms[0]


def look(tmp_path, address):
    """Load a page, let it settle, and give the document it became."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium: apt install chromium")
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-first-run",
            f"--user-data-dir={tmp_path}/profile",
            "--virtual-time-budget=4000", "--dump-dom", address,
        ],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    return done.stdout


def test_a_page_is_shown_with_its_style_and_no_complaint(demo, tmp_path):
    _, form = demo

    shown = look(tmp_path, form)

    assert "Your LinkedIn profile" in shown
    assert "<script" not in shown


def test_a_visitor_sends_the_form_from_a_frame_of_another_origin(demo, tmp_path):
    """The embedding page submits the very form it frames, as a visitor's click does."""
    address, form = demo
    page = httpx2.get(form, timeout=20).text
    inner = re.search(r"(<form method=\"post\".*?</form>)", page, re.DOTALL)[1]
    inner = inner.replace('action="', f'action="{address}').replace(
        'name="linkedinUrl" value=""', 'name="linkedinUrl" value="linkedin.com/in/from-chromium"'
    )
    (tmp_path / "sent.html").write_text(f"{inner}<script>document.forms[0].submit()</script>")
    (tmp_path / "frame.html").write_text(f'<iframe src="{form}" width="600" height="600"></iframe>')
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        elsewhere = f"http://127.0.0.1:{other.server_port}"
        framed = look(tmp_path, f"{elsewhere}/frame.html")
        thanked = look(tmp_path, f"{elsewhere}/sent.html")
        other.shutdown()

    assert form in framed
    assert "We have your profile" in thanked
    assert newest_lead(address)["platformUrl"] == "https://www.linkedin.com/in/from-chromium"


def newest_lead(address):
    login = {"email": "ada@acme.example", "password": "jazzaam-demo-login"}
    token = httpx2.post(f"{address}/api/v1/auth/login", json=login, timeout=20).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{address}/api/v1/leads?limit=1", headers=headers, timeout=20).json()["items"][0]
