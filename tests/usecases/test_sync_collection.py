"""Collection: what goes, whom it waits for, and that nobody misses what is gone."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from app import clock
from app.errors import Gone
from app.keyset import SyncCursor
from app.models import (
    Row,
    create_history,
    create_mutation_results,
    delete_history,
    get_db,
    get_epoch,
    get_head,
    list_clients,
    transaction,
)
from app.usecases.learning.learners import delete_learner
from app.usecases.learning.store import KINDS
from app.usecases.maintenance import State, run_jobs
from app.usecases.sync import collection
from app.usecases.sync.clients import note_client, revoke_client
from app.usecases.sync.collection import collect_clients, collect_mutations, collect_tombstones
from app.usecases.sync.merging import Mutation
from app.usecases.sync.numbering import begin_epoch
from app.usecases.sync.pull import Asked, find_head, pull
from app.usecases.sync.push import Push, push_changes
from tests.factories import make_learner, make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    return user_id


def bury(user: UUID, at: datetime) -> int:
    """Store an action, delete it at a time, and return the version that tells of it."""
    with clock.frozen(at):
        action = create_history(user, history_id=uuid4(), action_type="A", payload={})
        delete_history(user, action["id"])
    return head(user)["version"]  # type: ignore[no-any-return] # a row


def head(user: UUID) -> Row:
    row = get_head(user)
    assert row is not None
    return row


def note(user: UUID, client: str, acked: int, at: datetime, epoch: UUID | None = None) -> None:
    note_client(user, client, acked=acked, epoch=epoch or get_epoch(), at=at)


def buried(user: UUID) -> list[int]:
    history = get_db().history
    rows = get_db()(history.user_id == user).dicts(history.version, orderby=history.version)
    return [row["version"] for row in rows]


def collect(at: datetime) -> int:
    return sum(collect_tombstones(at))


def test_what_belonged_to_a_learner_goes_row_by_row_and_the_learner_last(
    user: UUID, now: datetime
) -> None:
    with clock.frozen(now - 31 * DAY):
        make_learner(user, "anna")
        delete_learner(user, "anna")

    collect(now)

    log = get_db().audit_log
    gone = get_db()((log.user_id == user) & (log.action == "delete")).dicts(orderby=log.id)
    assert len(gone) == len(KINDS)
    assert gone[-1]["table_name"] == "learner_profiles"


def test_rows_deleted_a_month_ago_go_and_the_floor_rises_to_them(
    user: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "BATCH", 2)
    old = [bury(user, now - days * DAY) for days in (50, 40, 32, 31)]
    young = bury(user, now - 29 * DAY)
    with clock.frozen(now - 60 * DAY):
        live = create_history(user, history_id=uuid4(), action_type="A", payload={})
    untouched = make_user()["id"]
    kept = bury(untouched, now - DAY)

    counts = list(collect_tombstones(now))

    assert [count for count in counts if count] == [2, 2]
    assert buried(user) == [young, live["version"]]
    assert head(user)["floor"] == old[-1]
    assert head(user)["version"] == live["version"]
    assert (buried(untouched), head(untouched)["floor"]) == ([kept], 0)
    assert collect(now) == 0


def test_slowest_client_that_comes_holds_collection_up(user: UUID, now: datetime) -> None:
    versions = [bury(user, now - days * DAY) for days in (60, 50, 40)]
    note(user, "fast", versions[2], now)
    note(user, "slow", versions[0], now - 89 * DAY)

    assert collect(now) == 1
    assert buried(user) == versions[1:]
    assert head(user)["floor"] == versions[0]

    note(user, "slow", versions[1], now)
    assert collect(now) == 1
    assert head(user)["floor"] == versions[1]


@pytest.mark.parametrize("absent", ["revoked", "gone", "of another epoch"])
def test_client_that_cannot_come_back_holds_nothing_up(
    user: UUID, now: datetime, absent: str
) -> None:
    versions = [bury(user, now - days * DAY) for days in (60, 50)]
    seen = now - 91 * DAY if absent == "gone" else now
    note(user, "x", 0, seen, uuid4() if absent == "of another epoch" else None)
    if absent == "revoked":
        revoke_client(user, "x", at=now)
    note(user, "y", versions[0], now)

    assert collect(now) == 1
    assert head(user)["floor"] == versions[0]


def test_floor_does_not_fall(user: UUID, now: datetime) -> None:
    bury(user, now - 60 * DAY)
    collect(now)
    db = get_db()
    db(db.sync_heads.user_id == user).update(floor=1000)
    bury(user, now - 50 * DAY)

    assert collect(now) == 1
    assert head(user)["floor"] == 1000


def test_results_of_mutations_are_told_for_ninety_days(user: UUID, now: datetime) -> None:
    for days in (91, 89):
        create_mutation_results(user, "phone", {f"m{days}": {}}, at=now - days * DAY)

    assert sum(collect_mutations(now)) == 1
    mutations = get_db().sync_mutations
    assert [row["mutation_id"] for row in get_db()(mutations).dicts()] == ["m89"]


def test_clients_that_stay_away_for_a_year_are_forgotten(
    user: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "BATCH", 2)
    for number in range(5):
        note(user, f"gone{number}", 0, now - 366 * DAY)
    note(make_user()["id"], "gone", 0, now - 366 * DAY)
    note(user, "rare", 0, now - 364 * DAY)
    revoke_client(user, "gone0", at=now)

    assert sum(collect_clients(now)) == 6
    assert [one["client_id"] for one in list_clients(user)] == ["rare"]


def push_rows(user: UUID, count: int) -> None:
    for _ in range(count):
        fields = {"action_type": "A", "payload": {}}
        mutation = Mutation(str(uuid4()), "history", "upsert", uuid4(), None, fields)
        push_changes(user, Push("pusher", [mutation]), write_row=lambda *_: "{}")


def walk_from(user: UUID, version: int) -> set[int] | None:
    """Pull page by page; return the versions of the deletions told, None if told to begin anew."""
    told: set[int] = set()
    asked = Asked(user, limit=1, cursor=SyncCursor(get_epoch(), version))
    while True:
        try:
            now = clock.now()
            page = pull(asked, find_head(asked, at=now), at=now, weigh=lambda _: 1)
        except Gone:
            return None
        told |= {change.row["version"] for change in page.changes if change.is_deletion}
        if not page.has_more:
            return told
        asked = replace(asked, cursor=page.cursor)


def test_collection_beside_pushes_and_pulls_loses_nothing(
    user: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "BATCH", 1)
    buried_at = [bury(user, now - 40 * DAY) for _ in range(12)]
    last = head(user)["version"]
    note(user, "pusher", last, now)
    seen: list[tuple[int, list[int]]] = []
    walks: list[tuple[int, set[int] | None]] = []

    def read() -> None:
        for _ in range(20):
            with transaction("REPEATABLE READ", readonly=True):
                seen.append((head(user)["floor"], buried(user)))

    def walk() -> None:
        walks.extend((version, walk_from(user, version)) for version in (0, 12, 18, 22))

    def collect_all() -> None:
        collect(now)

    actions = (collect_all, partial(push_rows, user, 10), read, walk, collect_all)
    outcomes = run_together(actions)

    assert [one for one in outcomes if isinstance(one, Exception)] == []
    # Each moment shows all rows above the floor: none is gone before the floor says so.
    above = [({one for one in buried_at if one > floor}, set(rows)) for floor, rows in seen]
    assert [(expected, rows) for expected, rows in above if not expected <= rows] == []
    # Whoever was not told to begin anew was told of every deletion.
    missed = [
        (version, told)
        for version, told in walks
        if told is not None and told != {one for one in buried_at if one > version}
    ]
    assert missed == []
    assert head(user)["floor"] == last
    assert head(user)["version"] == last + 10
    assert len(buried(user)) == 10


def test_another_epoch_is_in_every_head_and_lets_all_clients_go(user: UUID, now: datetime) -> None:
    bury(user, now - 40 * DAY)
    other = make_user()["id"]
    bury(other, now)
    note(user, "phone", 0, now)
    before = get_epoch()

    epoch, accounts = begin_epoch(at=now)

    assert accounts >= 2
    assert epoch == get_epoch() != before
    assert {head(user)["epoch"], head(other)["epoch"]} == {epoch}
    assert collect(now) == 1


def test_maintenance_collects(user: UUID, now: datetime) -> None:
    for days in (40, 39, 5):
        bury(user, now - days * DAY)
    create_mutation_results(user, "phone", {"m": {}}, at=now - 91 * DAY)
    note(user, "gone", 0, now - 366 * DAY)

    outcomes = run_jobs(["tombstones", "mutations", "clients"])

    assert [(one.count, one.state) for one in outcomes or ()] == [
        (2, State.DONE),
        (1, State.DONE),
        (1, State.DONE),
    ]
