"""The README's own lines, run as a newcomer would paste them."""

import json
import re
import subprocess
from pathlib import Path

from tests.processes import free_port, jazzaam, until

README = Path(__file__).parents[2] / "README.md"


def test_the_first_lead_in_six_lines(tmp_path):
    script = re.search(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)[1]
    lines = script.strip().splitlines()
    port, log = free_port(), tmp_path / "log"
    with jazzaam("run", "--demo", log=log, DATA_DIR=str(tmp_path / "jz"), PORT=str(port)):
        until(lambda: "Globex Energy" in log.read_text(errors="replace"), 60)
        local = script.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        notified = [*local.splitlines()[:-1], "sleep 2", local.splitlines()[-1]]
        done = subprocess.run(
            ["/bin/bash", "-c", "\n".join(notified)], capture_output=True, text=True, check=True
        )

    answers = [json.loads(text) for text in re.findall(r"\{.*?\}(?=\{\"|$)", done.stdout.strip())]
    submitted, leads, notifications = answers
    page = done.stdout.splitlines()[0]
    assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/f/[0-9a-f]{{64}}", page)
    assert len(lines) == 6
    assert submitted["submissionId"]
    assert leads["items"][0]["email"] == "grace@example.com"
    assert notifications["items"][0]["message"] == "grace@example.com came in through Hello."
