"""The thread that sends mails: woken by what is queued, and not stopped by what goes wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from app.models import get_database, release
from app.server.deliverer import Deliverer
from app.usecases.delivery import announce_mail
from app.usecases.links import send_link
from app.vocabulary import MailKind
from bilayer.runtime import Database
from tests.factories import make_user
from tests.support.mailbox import KEY, Mailbox
from tests.support.service import connected, settings_for

TABLE = "ALTER TABLE {} RENAME TO {}"


@pytest.fixture
def database(migrated_database_url: str, tmp_path: Path) -> Iterator[Database]:
    """A database whose tables this test may hurt."""
    with connected(settings_for(migrated_database_url, tmp_path)) as database:
        yield database


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def events(
    database: Database, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Any]]:
    """What the thread says that delivers into the mailbox, by itself once an hour."""
    monkeypatch.setattr("app.server.deliverer.SECONDS", 3600.0)
    deliverer = Deliverer(mailbox.post())
    with capture_logs() as events:
        deliverer.start()
        yield events
        deliverer.stop()
    assert not deliverer._thread.is_alive()


def queue() -> None:
    send_link(make_user()["id"], MailKind.EMAIL_VERIFICATION, key=KEY)
    release()
    announce_mail()


def wait_until(is_so: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def rename(url: sa.URL, old: str, new: str) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(TABLE.format(old, new))


@pytest.mark.usefixtures("events")
def test_deliverer_is_woken_for_each_mail_and_holds_no_connection_between_them(
    mailbox: Mailbox,
) -> None:
    for count in (1, 2, 3):
        queue()
        wait_until(lambda count=count: len(mailbox.mails) == count)  # type: ignore[misc]
        wait_until(lambda: get_database().engine.pool.checkedout() == 0)  # type: ignore[attr-defined]


def test_deliverer_outlives_a_database_that_does_not_answer(
    database: Database, mailbox: Mailbox, events: list[Any]
) -> None:
    queue()
    wait_until(lambda: mailbox.mails)
    url = database.engine.url
    rename(url, "mail_outbox", "elsewhere")
    announce_mail()
    wait_until(lambda: "mail_not_read" in {event["event"] for event in events})
    rename(url, "elsewhere", "mail_outbox")

    queue()

    wait_until(lambda: len(mailbox.mails) == 2)


def test_deliverer_outlives_a_fault_of_ours(mailbox: Mailbox, events: list[Any]) -> None:
    mailbox.failure = ZeroDivisionError()
    queue()
    wait_until(lambda: "unexpected_error" in {event["event"] for event in events})
    mailbox.failure = None

    queue()

    wait_until(lambda: mailbox.mails)
