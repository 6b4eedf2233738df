"""The docs are complete, and say what the code says."""

import re
import runpy
from pathlib import Path

import pytest

from jazzaam.config import Settings

ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("name", sorted(GENERATE["pages"]()))
def test_a_generated_page_is_as_the_code_says(name):
    written = (ROOT / "docs" / "reference" / name).read_text()

    assert written == GENERATE["NOTE"] + GENERATE["pages"]()[name], "run `make docs`"


def test_every_setting_is_described():
    for name, field in Settings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_decision_has_a_number_of_its_own():
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]

    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


def test_no_lock_names_an_address():
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text()
    assert not (ROOT / "uv.lock").exists()


def test_the_locks_hold_what_is_declared():
    declared = re.findall(
        r'^    "([\w-]+)==([\w.]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    lock = (ROOT / "requirements-dev.lock").read_text()

    assert len(declared) > 20
    for name, version in declared:
        assert f"{name}=={version} " in lock, name


def test_the_readme_begins_with_the_one_apt_command():
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line]

    assert "apt install python3.11 python3.11-venv git make libcurl4 ca-certificates" in lines[1]
