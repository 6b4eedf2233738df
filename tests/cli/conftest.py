"""Commands, run as `jazzaam …` runs them."""

import asyncio
import sys

import pytest

from jazzaam.__main__ import main


@pytest.fixture
def run(settings, monkeypatch, capsys):
    """Run a command in this process; gives its exit status and what it wrote."""
    given = {
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "MONGODB_OPERATOR_URI": settings.mongodb_operator_uri.get_secret_value(),
        "SECRET_KEY": settings.secret_key[0].get_secret_value(),
        "ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "MONGODB_AUDITOR_URI": settings.mongodb_auditor_uri.get_secret_value(),
        "AUDIT_KEYS": settings.audit_keys[0].get_secret_value(),
        "DATA_DIR": str(settings.data_dir),
        "ERASE_FENCE_SECONDS": "0",
    }

    def run(*arguments, **changed):
        for name, value in {**given, **changed}.items():
            monkeypatch.setenv(f"JAZZAAM_{name}", value)
        monkeypatch.setattr(sys, "argv", ["jazzaam", *arguments])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def command(run):
    """Run a command from an asynchronous test: it has an event loop, and so a thread, of its own."""

    async def command(*arguments, **changed):
        return await asyncio.to_thread(run, *arguments, **changed)

    return command
