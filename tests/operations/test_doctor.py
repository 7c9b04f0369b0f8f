"""``backend doctor`` on machines that are broken: what it says, how it ends, and when."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.operations.doctor import system
from app.operations.doctor.configuration import look_at_settings
from app.operations.doctor.examination import Examination, examine_all
from app.operations.doctor.findings import Finding, well
from app.server.gunicorn import MAX_CONNECTIONS
from tests.fakes import stripe_settings
from tests.operations.conftest import KEY, diagnose, problems, settings_with
from tests.support.backend import running

RUN = "from app.cli import main; main()"


def doctor(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    given = {"DATA_DIR": str(folder), "PORT": "0"} | settings
    return subprocess.run(
        [sys.executable, "-c", RUN, "doctor", *options],
        env=kept | given,
        capture_output=True,
        text=True,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_a_machine_that_is_well_is_exit_code_0(database_url: str, tmp_path: Path) -> None:
    done = doctor(tmp_path, "--json", DATABASE_URL=database_url)

    assert done.returncode == 0, done.stdout
    facts = told(done)
    assert facts["is_well"] is True
    assert facts["counts"]["problem"] == 0
    assert {"name", "outcome", "sentence", "fix"} == facts["checks"][0].keys()


def test_a_problem_is_exit_code_1_and_says_what_to_do(tmp_path: Path) -> None:
    done = doctor(tmp_path)

    assert done.returncode == 1
    assert "problem" in done.stdout
    assert "-> Run `backend db upgrade`." in done.stdout
    assert "\x1b" not in done.stdout


def test_on_a_terminal_lines_are_coloured_and_fit(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.Popen(
        [sys.executable, "-c", RUN, "doctor"],
        env=kept | {"DATA_DIR": str(tmp_path / ("long" * 40)), "PORT": "0"},
        stdout=slave,
        stdin=slave,
    )
    os.close(slave)
    text = b""
    with suppress(OSError):  # Linux says so when the other end is closed.
        while part := os.read(master, 4096):
            text += part
    os.close(master)

    assert done.wait() == 1
    lines = text.decode().splitlines()
    bare = [re.sub(r"\x1b\[\d+m", "", line) for line in lines]
    assert any("\x1b[31mproblem" in line for line in lines)
    # A path is not broken, and has a line of its own.
    assert [line for line in bare if len(line) > 80 and " " in line[31:]] == []
    assert max(map(len, bare)) > 80


def test_wrong_use_is_exit_code_2(tmp_path: Path) -> None:
    assert doctor(tmp_path, "--nothing").returncode == 2


def test_every_wrong_setting_is_a_finding_and_the_machine_is_looked_at_all_the_same(
    tmp_path: Path,
) -> None:
    done = doctor(tmp_path, "--json", ENV="nonsense", WORKERS="many")

    facts = told(done)
    found = [check for check in facts["checks"] if check["name"] == "settings"]
    assert done.returncode == 1
    assert [check["sentence"].partition(":")[0] for check in found] == ["ENV", "WORKERS"]
    assert "nonsense" not in done.stdout
    assert "python" in {check["name"] for check in facts["checks"]}


def test_a_weak_secret_key_is_a_problem_in_production(tmp_path: Path) -> None:
    done = doctor(
        tmp_path,
        "--json",
        ENV="prod",
        SECRET_KEY="too-weak-a-key",
        DATABASE_URL="postgresql://app:Pw9d8f7a6s@127.0.0.1:1/app",
    )

    assert done.returncode == 1
    assert "SECRET_KEY must have at least 32" in done.stdout
    assert "too-weak-a-key" not in done.stdout


def test_a_host_that_does_not_exist_is_told_in_time(tmp_path: Path) -> None:
    started = time.monotonic()

    done = doctor(
        tmp_path, "--json", DATABASE_URL="postgresql://app:Pw9d8f7a6s@nowhere.invalid/app"
    )

    checks = {check["name"]: check for check in told(done)["checks"]}
    assert done.returncode == 1
    assert checks["database_address"]["outcome"] == "problem"
    assert "Pw9d8f7a6s" not in done.stdout + done.stderr
    # 8 s for what hangs, the start of Python, and a machine that is busy with other tests.
    assert time.monotonic() - started < 30


def test_too_few_open_files_are_told(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    limited = subprocess.run(
        ["sh", "-c", f'ulimit -n 100; exec "{sys.executable}" -c "{RUN}" doctor --json'],
        env=kept | {"DATA_DIR": str(tmp_path), "PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )

    checks = {check["name"]: check for check in told(limited)["checks"]}
    assert checks["open_files"]["outcome"] == "problem"
    assert "ulimit" in checks["open_files"]["fix"]


def test_a_check_that_hangs_is_named_and_the_others_are_told() -> None:
    forever = threading.Event()

    def hang() -> Iterator[Finding]:
        yield well("before", "All is well.")
        forever.wait()
        yield well("hangs", "Never said.")

    def fail() -> Iterator[Finding]:
        raise ZeroDivisionError
        yield

    findings = examine_all(
        [
            Examination(("before", "hangs", "after"), hang),
            Examination(("breaks", "not_reached"), fail),
        ],
        seconds=0.2,
    )
    forever.set()

    assert [(finding.name, str(finding.outcome)) for finding in findings] == [
        ("before", "ok"),
        ("hangs", "problem"),
        ("after", "skipped"),
        ("breaks", "problem"),
        ("not_reached", "skipped"),
    ]


def test_a_data_folder_that_cannot_be_written_to_is_told() -> None:
    # Not even root makes files there.
    found = diagnose(settings_with(Path("/proc/self/nowhere")))["data_folder"]

    assert found.outcome == "problem"
    assert "DATA_DIR" in found.fix


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("sender", ["console", "file"])
def test_a_data_folder_that_cannot_be_seen_is_told(tmp_path: Path, sender: str) -> None:
    closed = tmp_path / "closed"
    settings = settings_with(closed / "data", mail_sender=sender)

    findings = diagnose(settings)

    assert problems(findings) >= {"data_folder", "database_file"}
    assert ("mail" in problems(findings)) == (sender == "file")
    assert "Permission denied" in findings["data_folder"].sentence
    assert not [found for found in findings.values() if "check itself" in found.sentence]


@pytest.mark.usefixtures("nobody")
def test_a_data_folder_that_is_not_needed_may_be_closed(tmp_path: Path) -> None:
    settings = settings_with(tmp_path / "closed", "postgresql://a@127.0.0.1:1/a", secret_key=KEY)

    findings = diagnose(settings)

    assert findings["secrets"].outcome == "ok"
    assert findings["data_folder"].outcome == "skipped"


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[None]:
    """Not root, who sees everything, and a folder ``closed``."""
    (tmp_path / "closed").mkdir(mode=0)
    user = os.geteuid()
    os.seteuid(user or 65534)
    yield
    os.seteuid(user)


def test_a_key_other_than_the_one_that_signed_before_is_told(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("the key of last year\n")
    (tmp_path / "secret_key").chmod(0o600)

    other = settings_with(tmp_path, secret_key=SecretStr(KEY))
    both = settings_with(
        tmp_path,
        secret_key=SecretStr(KEY),
        secret_key_fallbacks=SecretStr("the key of last year"),
    )

    assert diagnose(other)["secrets"].outcome == "warning"
    assert "SECRET_KEY_FALLBACKS" in diagnose(other)["secrets"].fix
    assert diagnose(both)["secrets"].outcome == "ok"
    assert "last year" not in str(diagnose(other))


@pytest.mark.parametrize(
    ("mode", "outcome"), [(0o600, "ok"), (0o644, "warning"), (0o666, "problem")]
)
def test_a_secret_that_others_read_or_change_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, outcome: str
) -> None:
    path = tmp_path / "smtp_password"
    path.write_text("a-canary-in-a-file")
    path.chmod(mode)
    monkeypatch.setenv("SMTP_PASSWORD_FILE", str(path))

    found = diagnose(settings_with(tmp_path))["secrets"]

    assert found.outcome == outcome
    assert "canary" not in found.sentence


def test_a_port_that_another_program_has_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = diagnose(settings_with(tmp_path, port=port))["port"]
    free = diagnose(settings_with(tmp_path, port=port))["port"]

    assert taken.outcome == "problem"
    assert "Another program" in taken.sentence
    assert free.outcome == "ok"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_service_itself_is_known_at_its_port(
    migrated_database_url: str, tmp_path: Path
) -> None:
    with running(migrated_database_url, tmp_path) as backend:
        found = diagnose(settings_with(tmp_path, migrated_database_url, port=backend.port))

    assert problems(found) == set()
    assert "is ready" in found["port"].sentence


def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    # 192.0.2.0/24 is for documentation. Asking there is what the closed network refuses.
    done = doctor(tmp_path, "--json", HOST="192.0.2.1", PORT="5000")

    checks = {check["name"]: check for check in told(done)["checks"]}
    assert checks["port"]["outcome"] == "problem"


def test_a_variable_that_is_nearly_a_setting_is_told(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--json", DATABASE_PASWORD="a-canary")

    found = {check["sentence"] for check in told(done)["checks"] if check["name"] == "settings"}
    assert found == {"DATABASE_PASWORD is no setting. Is DATABASE_PASSWORD meant?"}
    assert "a-canary" not in done.stdout


def test_a_worker_may_open_as_many_files_as_it_needs() -> None:
    assert system.WORKER_CONNECTIONS == MAX_CONNECTIONS


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"host": "0.0.0.0"}, "ENV=dev"),
        ({"env": "prod"}, "TRUSTED_HOSTS"),
        ({"env": "prod"}, "MAIL_SENDER"),
        ({"env": "prod", "db_echo_sql": True}, "DB_ECHO_SQL"),
        ({"env": "prod", **stripe_settings("https://stripe.example")}, "STRIPE_SECRET_KEY"),
    ],
)
def test_settings_that_are_unwise_are_worth_a_warning(
    tmp_path: Path, settings: dict[str, Any], expected: str
) -> None:
    url = "postgresql://app_rw:Pw9d8f7a6s@127.0.0.1/app"
    mail = {"mail_sender": "file", "public_url": "https://app.example.com"}
    given = settings_with(tmp_path, url, secret_key=SecretStr(KEY), **mail | settings)

    findings = list(look_at_settings(given))

    assert any(expected in finding.sentence for finding in findings)
    assert {str(finding.outcome) for finding in findings} == {"warning"}
