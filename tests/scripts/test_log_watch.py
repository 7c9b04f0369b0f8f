"""The watch over the suite's logs: a test that leaks fails, and so does a run whose server did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import PASSWORD, new_email
from tests.support.databases import ROOT
from tests.support.log_watch import CANARIES, find_leaks

CONFTEST = """
from pathlib import Path
from types import SimpleNamespace
from tests.support.log_watch import LogWatch

def pytest_configure(config):
    log = Path(__file__).with_name("log")
    config.pluginmanager.register(LogWatch(SimpleNamespace(is_owner=True, logs=lambda: [log])))
"""
EVENT = '{"method": "GET", "event": "request", "email": "person-1@example.com"}'


def run_pytest(folder: Path, *, printed: str = "", logged: str = "") -> tuple[int, str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(f"def test_it():\n    print({printed!r})\n")
    (folder / "log").write_text(logged)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:schemathesis", folder],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_people_of_the_suite_are_watched() -> None:
    assert list(find_leaks([PASSWORD, new_email(), "nothing"])) != []
    assert PASSWORD in CANARIES


def test_clean_run_passes(tmp_path: Path) -> None:
    code, _ = run_pytest(tmp_path, printed="sent to person-1@example.com", logged="ready\n")

    assert code == pytest.ExitCode.OK


def test_event_that_leaks_fails_its_test(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, printed=EVENT)

    assert code == pytest.ExitCode.TESTS_FAILED
    assert "The log holds what it must not" in said


def test_server_that_leaks_fails_the_run(tmp_path: Path) -> None:
    code, said = run_pytest(tmp_path, logged="STATEMENT: ... 'person-1@example.com'\n")

    assert code == pytest.ExitCode.TESTS_FAILED
    assert "database logs hold what they must not" in said
