"""Names are regular, and files are where the layout says."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "jazzaam"
FILES = sorted(SOURCE.rglob("*.py"))
FEATURE_FILES = {
    *("__init__", "feature", "endpoints", "schemas", "service"),
    *("repository", "models", "errors", "events", "jobs"),
}
PURE = {
    *("permissions", "codes", "tokens", "sessions", "dependencies", "facets", "listing", "derived"),
    *("answers", "mapping", "platforms", "page", "public", "wording", "plans"),
    *("access", "chain", "heads", "lookup", "opening", "seats", "standing", "trail", "verifying"),
    *("attempts", "picture", "writing"),
}
FORBIDDEN = ("utils", "helpers", "common", "base", "manager", "handler")


def test_a_feature_has_the_files_every_feature_has():
    for plane in ("control", "crm"):
        for folder in (SOURCE / plane).iterdir():
            if (folder / "feature.py").exists():
                names = {path.stem for path in folder.glob("*.py")}
                assert names <= FEATURE_FILES | PURE, folder


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_can_be_understood_in_a_minute(path):
    text = path.read_text()
    tree = ast.parse(text)

    assert not set(path.stem.split("_")) & set(FORBIDDEN)
    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= 400
    assert "TODO" not in text
    assert "NotImplementedError" not in text


def test_only_repositories_and_cores_name_operators_of_mongodb():
    allowed = {"repository", "records", "models", "listing", "rate_limits", "doctor", "requests"}
    for path in FILES:
        if path.parts[len(SOURCE.parts)] in ("tenancy", "jobs", "embedded") or path.stem in allowed:
            continue
        text = path.read_text()
        for operator in ("$set", "$inc", "$match", '$in"', "find_one(", "insert_one", "update_one("):
            if operator == "find_one(" and path.name == "main.py":
                continue  # readiness reads one row of the catalog
            assert operator not in text, (path, operator)
