"""``backend billing`` on each engine: what was not worked off is seen, and worked off later."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app import clock
from app.cli import main
from app.config import get_settings
from app.models import get_credit_account, get_db
from app.usecases.stripe_events import Event, take_event
from tests.factories import make_user
from tests.fakes import SECRET_KEY, WEBHOOK_SECRET, Payment
from tests.support.service import connected, settings_for


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("STRIPE_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["billing", *arguments], catch_exceptions=False)


def take(document: dict[str, Any]) -> str:
    """Let the service take an event; return its id."""
    event = Event(
        id=document["id"],
        type=document["type"],
        is_live=document["livemode"],
        created_at=clock.now(),
        object=document["data"]["object"],
    )
    take_event(event, is_live=False)
    return event.id


def test_unmatched_event_is_listed_and_replayed_when_its_cause_is_gone(
    database_url: str, tmp_path: Path
) -> None:
    with connected(settings_for(database_url, tmp_path)):
        user = make_user()
        accounts = get_db().users
        get_db()(accounts.id == user["id"]).update(is_deleted=True)
        lost, _ = take(Payment(user["id"]).paid()), take(Payment(make_user()["id"]).paid())

    listed = json.loads(run("events", "--state", "unmatched", "--json").stdout)["events"]
    in_vain = run("replay", lost)
    with connected(settings_for(database_url, tmp_path)):
        get_db()(get_db().users.id == user["id"]).update(is_deleted=False)
    done, again = run("replay", lost, "--json"), run("replay", lost)

    assert [(row["event_id"], row["reason"], row["attempts"]) for row in listed] == [
        (lost, "deleted_user", 1)
    ]
    assert (in_vain.exit_code, in_vain.stdout) == (1, "Still unmatched: deleted_user.\n")
    assert json.loads(done.stdout) == {"event": lost, "status": "processed", "reason": None}
    assert (again.exit_code, again.stdout.split(";")[0]) == (0, "It was processed before")
    with connected(settings_for(database_url, tmp_path)):
        account = get_credit_account(user["id"])
        assert account is not None
        assert account["credits_balance"] == 100


def test_events_are_listed_last_first_and_no_more_than_asked_for(
    database_url: str, tmp_path: Path
) -> None:
    assert run("events").stdout == "There are none.\n"
    with connected(settings_for(database_url, tmp_path)):
        ids = [take(Payment(None).paid()) for _ in range(3)]

    lines = run("events", "--limit", "2").stdout.splitlines()

    assert [line.split()[1] for line in lines] == ids[:0:-1]
    assert {line.split()[-1] for line in lines} == {"no_user"}


def test_what_cannot_be_replayed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = run("replay", "evt_nobody_sent")
    assert (unknown.exit_code, unknown.stderr) == (1, "No event with this id has come.\n")
    assert run("events", "--state", "lost").exit_code == 2

    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"):
        monkeypatch.delenv(name)
    get_settings.cache_clear()
    refused = run("replay", "evt_nobody_sent")

    assert refused.exit_code == 2
    assert "STRIPE_SECRET_KEY" in refused.stderr
