"""``backend mail deliver`` on each engine, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.models import get_db
from app.usecases.links import send_link
from app.usecases.verification import verify_email
from app.vocabulary import MailKind
from bilayer.runtime import Database
from tests.factories import make_user
from tests.support.mailbox import KEY
from tests.support.service import connected, settings_for

COMMAND = [sys.executable, "-c", "from app.cli import main; main()", "mail", "deliver"]
PUBLIC_URL = "https://product.example"


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The database that the command uses, connected in this process too."""
    with connected(settings_for(database_url, tmp_path)) as database:
        yield database


@pytest.fixture
def environment(database: Database, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a service whose mails become files."""
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return inherited | {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path),
        "SECRET_KEY": KEY.decode(),
        "PUBLIC_URL": PUBLIC_URL,
        "MAIL_SENDER": "file",
    }


def queue_mail() -> None:
    send_link(make_user()["id"], MailKind.EMAIL_VERIFICATION, key=KEY)


def deliver(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def watching(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [*COMMAND, "--watch"]
    with subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def files(folder: Path) -> list[Path]:
    return sorted((folder / "mail").glob("*.eml"))


def test_what_is_due_is_sent(environment: dict[str, str], tmp_path: Path) -> None:
    for _ in range(2):
        queue_mail()

    done = deliver(environment, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "sent": 2,
        "delayed": 0,
        "refused": 0,
        "expired": 0,
        "undeliverable": 0,
    }
    assert len(files(tmp_path)) == 2
    [_, token] = files(tmp_path)[0].read_text().split(f"{PUBLIC_URL}/verify-email#token=")
    verify_email(token.split()[0])


def test_nothing_to_send_is_fine(environment: dict[str, str]) -> None:
    done = deliver(environment)

    assert (done.returncode, done.stdout.startswith("0 sent")) == (0, True)


def test_mail_that_was_not_sent_is_told(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file in the way")
    queue_mail()

    failed = deliver(environment, "--once", "--json")

    assert failed.returncode == 1
    assert json.loads(failed.stdout)["delayed"] == 1
    assert json.loads(failed.stderr)["reason"] == "FileExistsError"
    assert get_db()(get_db().mail_outbox).count() == 1


def test_console_gets_mails_on_standard_error(environment: dict[str, str]) -> None:
    queue_mail()

    done = deliver(environment | {"MAIL_SENDER": "console"}, "--json")

    assert f"{PUBLIC_URL}/verify-email#token=" in done.stderr
    assert json.loads(done.stdout)["sent"] == 1


def test_production_has_no_console(environment: dict[str, str]) -> None:
    production = environment | {"ENV": "prod", "MAIL_SENDER": "console"}

    refused = deliver(production)

    assert refused.returncode == 2
    assert "MAIL_SENDER" in refused.stderr or "DATABASE_URL" in refused.stderr


def test_watch_sends_until_it_is_told_to_stop(environment: dict[str, str], tmp_path: Path) -> None:
    queue_mail()

    with watching(environment) as process:
        deadline = time.monotonic() + 30
        while not files(tmp_path):
            assert process.poll() is None
            assert time.monotonic() < deadline, "no mail was sent"
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
