"""``scripts/run``: what it makes is private, where it listens, and it says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import make_user
from tests.support.databases import ROOT, migrated_database
from tests.support.run import Run
from tests.support.service import connected, settings_for

# In place of the real one, which would install packages.
ENVIRONMENT = f"""
ROOT={ROOT}
VENV={Path(sys.executable).parent.parent}
say() {{ printf '%s\\n' "$*"; }}
fail() {{ printf '%s: %s\\n' "${{0##*/}}" "$1" >&2; exit "${{2:-1}}"; }}
make_environment() {{ :; }}
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script, with this suite's environment."""
    (tmp_path / "scripts/support").mkdir(parents=True)
    (tmp_path / "scripts/support/environment.sh").write_text(ENVIRONMENT)
    return Path(shutil.copy(ROOT / "scripts/run", tmp_path / "scripts/run"))


def call(script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, "--data", script.parent.parent / "data", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def set_up(script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return call(script, "--setup-only", *arguments, **variables)


def test_what_it_makes_is_its_owners(script: Path) -> None:
    done = set_up(script)

    folder = script.parent.parent / "data"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes["app.db"] == 0o600
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--admin-email", "boss@example.com"], {}),
        (["--admin-email=boss@example.com"], {"ADMIN_EMAIL": "other@example.com"}),
        ([], {"ADMIN_EMAIL": "boss@example.com"}),
    ],
)
def test_admin_has_the_address_that_was_given(
    script: Path, arguments: list[str], variables: dict[str, str]
) -> None:
    done = set_up(script, *arguments, **variables)

    assert "Created the admin boss@example.com." in done.stdout


def test_taken_address_is_told_with_the_way_out(
    script: Path, suite_run: Run, tmp_path: Path
) -> None:
    with migrated_database(suite_run, "sqlite") as url:
        with connected(settings_for(url, tmp_path)):
            make_user(email="admin@example.com")

        refused = set_up(script, DATABASE_URL=url)
        done = set_up(script, "--admin-email", "boss@example.com", DATABASE_URL=url)

    assert refused.returncode == 1
    assert "--admin-email" in refused.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_port_in_use_is_told_before_anything_is_made(script: Path, way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = (["--port", port], {}) if way == "argument" else ([], {"PORT": port})

        refused = call(script, *given[0], **given[1])

    assert refused.returncode == 1
    assert refused.stderr == f"run: port {port} is in use; choose one with --port.\n"
    assert not (script.parent.parent / "data").exists()


def test_argument_wins_over_the_variable(script: Path) -> None:
    refused = call(script, "--port", "70000", PORT="5001")

    assert "not '70000'" in refused.stderr


@pytest.mark.parametrize(
    ("host", "is_heeded"), [("::1", True), ("0.0.0.0", True), ("laptop.local", False)]
)
def test_host_is_heeded_if_it_is_no_name_of_a_machine(
    script: Path, host: str, *, is_heeded: bool
) -> None:
    # Who listens on all addresses of a family takes the port from each of them.
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    address = host if is_heeded else "127.0.0.1"
    with socket.create_server((address, 0), family=family) as taken:
        port = taken.getsockname()[1]

        refused = call(script, HOST=host, PORT=str(port))

    assert f"port {port} is in use" in refused.stderr
