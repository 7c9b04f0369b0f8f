"""The devices of an account: what is noted of them, and when that is worth a write."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from app.errors import Conflict, Forbidden, NotFound
from app.models import get_db, get_epoch, list_clients, lock_head, transaction
from app.usecases.sync.clients import (
    MAX_CLIENTS,
    note_client,
    read_head_and_client,
    require_live,
    revoke_client,
)
from tests.factories import make_user
from tests.support.statements import sent_statements
from tests.support.threads import run_together

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    return user_id


def note(user: UUID, client: str = "phone", *, at: datetime = NOON, **given: object) -> None:
    values = {"acked": None, **given}
    if "epoch" not in values:
        values["epoch"] = get_epoch()
    note_client(user, client, at=at, **values)  # type: ignore[arg-type] # the tests say what


def seen(user: UUID) -> dict[str, tuple[int, datetime]]:
    return {
        one["client_id"]: (one["acked_version"], one["last_seen_at"]) for one in list_clients(user)
    }


def test_acknowledgement_only_grows(user: UUID) -> None:
    for acked in (3, 7, 5, None):
        note(user, acked=acked)

    assert seen(user) == {"phone": (7, NOON)}


def test_acknowledgement_of_another_epoch_is_another_number(user: UUID) -> None:
    note(user, acked=7)
    epoch = uuid4()
    note(user, acked=2, epoch=epoch)

    (client,) = list_clients(user)
    assert (client["acked_version"], client["epoch"]) == (2, epoch)


def test_client_that_has_nothing_new_is_written_once_an_hour(user: UUID) -> None:
    note(user, acked=3)
    with sent_statements() as sent:
        for minutes in (1, 30, 60):
            note(user, acked=3, at=NOON + minutes * HOUR / 60)
    assert not [sql for sql in sent if sql.startswith("UPDATE")]

    note(user, acked=3, at=NOON + 1.1 * HOUR)

    assert seen(user) == {"phone": (3, NOON + 1.1 * HOUR)}


def test_client_that_was_just_read_is_not_read_again(user: UUID) -> None:
    note(user, acked=3)
    epoch = get_epoch()
    with sent_statements() as sent:
        known = read_head_and_client(user, "phone").client
        note(user, acked=3, epoch=epoch, known=known)

    assert len(sent) == 1


def test_client_has_the_name_it_gave_last(user: UUID) -> None:
    for name in (None, "Ada's phone", None, "Phone"):
        note(user, name=name)
        names = [one["name"] for one in list_clients(user)]
        assert names == [name or ("Ada's phone" if names[0] else None)]


def test_head_and_client_are_found_each_without_the_other(user: UUID) -> None:
    stranger = make_user()["id"]
    assert read_head_and_client(uuid4(), "phone").head is None
    note(user, acked=3)
    before = read_head_and_client(stranger, "phone")
    with transaction():
        lock_head(stranger)

    after = read_head_and_client(stranger, "phone")
    mine = read_head_and_client(user, "phone")

    assert (before.head, before.client) == (None, None)
    assert after.head == {"version": 0, "epoch": get_epoch(), "floor": 0}
    assert after.client is None
    assert mine.client is not None
    assert mine.client["acked_version"] == 3
    assert read_head_and_client(user, None).client is None


def test_client_without_a_head_is_found(user: UUID) -> None:
    note(user, acked=3)
    db = get_db()
    db(db.sync_heads.user_id == user).delete()

    found = read_head_and_client(user, "phone")

    assert found.head is None
    assert found.client is not None
    assert found.client["epoch"] == get_epoch()


def test_revoked_client_is_refused_and_others_are_not(user: UUID) -> None:
    note(user), note(user, "tablet")
    for _ in range(2):
        revoke_client(user, "phone", at=NOON)

    with pytest.raises(Forbidden, match="revoked") as refused:
        note(user, acked=9)
    with pytest.raises(Forbidden):
        require_live(read_head_and_client(user, "phone").client)
    note(user, "tablet", acked=9)

    assert refused.value.code == "CLIENT_REVOKED"
    assert seen(user) == {"tablet": (9, NOON), "phone": (0, NOON)}


def test_client_of_another_account_cannot_be_revoked(user: UUID) -> None:
    note(user)

    with pytest.raises(NotFound) as refused:
        revoke_client(make_user()["id"], "phone", at=NOON)

    assert refused.value.code == "CLIENT_NOT_FOUND"


def test_account_has_a_hundred_clients_and_the_one_gone_longest_makes_room(user: UUID) -> None:
    with transaction():
        for number in range(MAX_CLIENTS - 1):
            note(user, f"c{number}", at=NOON + number * DAY / 100)
    last = NOON + DAY
    outcomes = run_together([partial(note, user, name, at=last) for name in ("x", "y")])
    refused = [one for one in outcomes if one is not None]

    assert [one.code for one in refused if isinstance(one, Conflict)] == ["TOO_MANY_CLIENTS"]
    assert len(seen(user)) == MAX_CLIENTS

    revoke_client(user, "c50", at=last)
    note(user, "z", at=last)
    assert len(seen(user)) == MAX_CLIENTS
    assert "c50" not in seen(user)

    note(user, "later", at=NOON + 90.5 * DAY)
    assert len(seen(user)) == MAX_CLIENTS
    assert "c0" not in seen(user)
