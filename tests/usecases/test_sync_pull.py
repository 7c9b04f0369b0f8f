"""Walking through the changes of an account: nothing is lost, whatever happens meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import clock
from app.dal.versions import purging
from app.errors import AppError, Forbidden, Gone
from app.keyset import Place, SyncCursor
from app.models import (
    create_consents,
    create_history,
    create_profile,
    delete_history,
    get_client,
    get_db,
    release,
    transaction,
    update_history,
    update_profile,
)
from app.usecases.sync import clients
from app.usecases.sync.checksum import compute_checksums
from app.usecases.sync.pull import Asked, Page, find_head, pull
from app.usecases.sync.walk import Change
from bilayer.runtime import Database
from tests.factories import make_history, make_user
from tests.support.statements import sent_statements

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
LEARNING = {
    "learner_profiles",
    "mastered_words",
    "mastered_grammar",
    "approved_cards",
    "chat_messages",
}
TABLES = {"history", "profiles", "user_consents"} | LEARNING


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    return user_id


def ask(
    user_id: UUID,
    cursor: SyncCursor | None = None,
    *,
    limit: int = 1000,
    weigh: Callable[[Change], int] = lambda _: 1,
    **more: Any,
) -> Page:
    tables = more.pop("tables", cursor.tables if cursor else None)
    asked = Asked(user_id, limit, cursor=cursor, tables=tables, **more)
    at = clock.now()
    return pull(asked, find_head(asked, at=at), at=at, weigh=weigh)


def walk(user_id: UUID, cursor: SyncCursor | None = None, *, limit: int, **more: Any) -> list[Page]:
    """Pull until there is no more."""
    pages = [ask(user_id, cursor, limit=limit, **more)]
    while pages[-1].has_more:
        pages.append(ask(user_id, pages[-1].cursor, limit=limit, **more))
    return pages


def ids(*pages: Page) -> list[str | None]:
    return [change.place.id for page in pages for change in page.changes]


def add(user_id: UUID, **columns: Any) -> str:
    return str(make_history(user_id, **columns)["id"])


def collect(user_id: UUID, action_id: str, version: int) -> None:
    """Forget a deletion, as the collection of tombstones does."""
    db = get_db()
    with purging():
        db((db.history.user_id == user_id) & (db.history.id == UUID(action_id))).delete()
    db(db.sync_heads.user_id == user_id).update(floor=version)


def test_pages_end_anywhere_and_give_every_row_once_in_order(user: UUID) -> None:
    with transaction():  # One version with more rows than a page, in all tables.
        many = [add(user) for _ in range(7)]
        create_profile(user)
        create_consents(user, timestamp=NOON, updated_at=NOON)
    later = [add(user) for _ in range(3)]
    update_profile(user, display_name="Ada")

    expected = [*sorted(many), str(user), *later, str(user)]
    for limit in (1, 2, 3, 4, 8, 100):
        pages = walk(user, limit=limit)
        assert ids(*pages) == expected
        assert {len(page.changes) for page in pages[:-1]} <= {limit}
        places = [change.place.version for page in pages for change in page.changes]
        assert places == sorted(places)
        assert ask(user, pages[-1].cursor).changes == []


def test_rows_that_change_during_a_walk_are_given_as_they_are_then(user: UUID) -> None:
    with transaction():
        first, second, third = sorted(add(user) for _ in range(3))
    page = ask(user, limit=1)
    assert ids(page) == [first]

    update_history(user, UUID(first), action_type="CHANGED")
    delete_history(user, UUID(third))
    rest = walk(user, page.cursor, limit=1)

    assert ids(*rest) == [second, first, third]
    assert [change.is_deletion for one in rest for change in one.changes] == [False, False, True]


def test_first_walk_hears_of_no_deletion_from_before_it_and_of_each_after(user: UUID) -> None:
    kept, gone, going = add(user), add(user), add(user)
    delete_history(user, UUID(gone))

    page = ask(user, limit=1)
    delete_history(user, UUID(going))
    rest = walk(user, page.cursor, limit=1)

    assert (ids(page), ids(*rest)) == ([kept], [going])
    assert rest[-1].changes[-1].is_deletion


def test_first_walk_passes_deletions_that_were_collected_before_it_began(user: UUID) -> None:
    kept, gone, last = add(user), add(user), add(user)
    delete_history(user, UUID(gone))
    collect(user, gone, 4)

    assert ids(*walk(user, limit=1)) == [kept, last]


def test_cursor_that_leads_nowhere_tells_why(user: UUID) -> None:
    gone = add(user)
    old = ask(user).cursor
    delete_history(user, UUID(gone))
    new = ask(user, old).cursor
    half = replace(ask(user, limit=1).cursor, origin=0)
    collect(user, gone, new.version)

    assert ask(user, new).changes == []
    for cursor, reason in (
        (replace(new, epoch=uuid4()), "epoch"),
        (replace(new, version=new.version + 1), "ahead"),
        (replace(new, origin=new.version + 1), "ahead"),
        (old, "horizon"),
        (replace(half, version=0), "horizon"),
    ):
        with pytest.raises(Gone) as refusal:
            ask(user, cursor)
        assert (refusal.value.code, refusal.value.facts) == (
            "FULL_RESYNC_REQUIRED",
            {"reason": reason},
        )


def test_tombstones_that_are_collected_during_a_first_walk_end_it(user: UUID) -> None:
    add(user)
    going = add(user)
    page = ask(user, limit=1)
    delete_history(user, UUID(going))
    collect(user, going, 3)

    with pytest.raises(Gone):
        ask(user, page.cursor)


def test_tombstones_that_are_collected_right_before_the_page_is_read_are_missed(user: UUID) -> None:
    gone = add(user)
    asked = Asked(user, 10, cursor=ask(user).cursor)
    delete_history(user, UUID(gone))
    head = find_head(asked, at=clock.now())
    collect(user, gone, 2)

    with pytest.raises(Gone):
        pull(asked, head, at=clock.now(), weigh=lambda _: 1)


def test_page_ends_before_it_is_too_large_but_has_one_row(user: UUID) -> None:
    rows = [add(user) for _ in range(4)]
    megabyte = 2**20

    pages = walk(user, limit=1000, weigh=lambda _: megabyte)
    huge = walk(user, limit=1000, weigh=lambda _: 3 * megabyte)

    assert [len(page.changes) for page in pages] == [2, 2]
    assert [len(page.changes) for page in huge] == [1, 1, 1, 1]
    assert ids(*pages) == ids(*huge) == rows


def test_large_page_takes_few_statements(user: UUID) -> None:
    with transaction():
        for _ in range(600):
            add(user)
    release()

    with sent_statements() as sent:
        page = ask(user)

    assert len(set(ids(page))) == 600
    assert len([sql for sql in sent if '"history"' in sql or "`history`" in sql]) == 3


@pytest.mark.parametrize("client_id", [None, "phone"])
def test_nothing_new_is_one_statement(user: UUID, client_id: str | None) -> None:
    add(user)
    cursor = ask(user).cursor
    ask(user, cursor, client_id=client_id)  # What it has is noted once.
    release()

    with sent_statements() as sent:
        page = ask(user, cursor, client_id=client_id)

    assert len(sent) == 1
    assert "sync_heads" in sent[0]
    assert (page.changes, page.cursor, page.has_more) == ([], cursor, False)


def test_pull_uses_the_index_of_versions(user: UUID, database: Database) -> None:
    if database.engine_name != "postgresql":
        pytest.skip("each engine tells its plans in words of its own; PostgreSQL's are read")
    add(user)
    db = get_db()
    db.executesql(
        "INSERT INTO history (user_id, id, action_type, payload, version, is_deleted)"
        " SELECT user_id, gen_random_uuid(), 'A', '{}', n, n % 10 = 0"
        " FROM sync_heads, generate_series(2, 20000) AS n"
    )
    db.executesql("UPDATE sync_heads SET version = 20000")
    db.executesql("ANALYZE history")
    first = ask(user, limit=2).cursor
    within = SyncCursor(first.epoch, 100, place=Place(101, "history", str(uuid4())))

    plans = explained(database, lambda: [ask(user, one) for one in (None, first, within)])

    assert len(plans) == 3 * 5
    assert [plan for plan in plans if "ix_history_user_id_version" not in plan] == []


def explained(database: Database, work: Callable[[], object]) -> list[str]:
    """Return the plans of all selects from the history that are sent meanwhile."""
    adapter = database._adapter
    send: Callable[..., Any] = adapter.send
    plans: list[str] = []

    def explaining(cursor: Any, sql: str, parameters: Any) -> Any:
        if 'FROM "history"' in sql:
            send(cursor, f"EXPLAIN {sql}", parameters)
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
        return send(cursor, sql, parameters)

    adapter.send = explaining
    try:
        work()
    finally:
        adapter.send = send
    return plans


def test_writer_that_commits_late_loses_nothing(user: UUID) -> None:
    add(user)
    may_commit, has_written = threading.Event(), threading.Event()
    written: list[str] = []

    def write_slowly() -> None:
        with transaction():
            written.append(add(user))
            has_written.set()
            may_commit.wait(10)
            written.append(add(user))
        release()

    def write() -> None:
        has_written.wait(10)
        written.append(add(user))
        release()

    before = ask(user)
    threads = [threading.Thread(target=write_slowly), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    has_written.wait(10)
    meanwhile = ask(user, before.cursor)
    may_commit.set()
    seen: list[str | None] = []
    cursor = meanwhile.cursor
    while any(thread.is_alive() for thread in threads):
        page = ask(user, cursor, limit=1)
        cursor = page.cursor
        seen += ids(page)
    seen += ids(*walk(user, cursor, limit=1))

    assert meanwhile.changes == []
    assert sorted(map(str, seen)) == sorted(written)


def test_page_is_of_one_moment_whatever_is_written_while_it_is_read(
    user: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.usecases.sync.walk._BATCH", 2)
    actions = [add(user) for _ in range(5)]
    changed: list[bool] = []

    def change_the_last() -> None:
        update_history(user, UUID(actions[4]), action_type="CHANGED")
        changed.append(True)
        release()

    def weigh(_: Change) -> int:
        if not changed:
            thread = threading.Thread(target=change_the_last)
            thread.start()
            thread.join()
        return 1

    page = ask(user, weigh=weigh)

    assert changed == [True]
    assert (ids(page), page.cursor.version) == (actions, 5)
    assert ids(ask(user, page.cursor)) == [actions[4]]


def test_tables_that_are_not_asked_for_are_left_out(user: UUID) -> None:
    add(user)
    create_profile(user)

    page = ask(user, tables=frozenset({"profiles"}))

    assert [synced.name for synced in page.tables] == ["profiles"]
    assert ids(page) == [str(user)]
    assert page.cursor.tables == frozenset({"profiles"})
    assert {synced.name for synced in ask(user).tables} == TABLES
    with pytest.raises(AppError) as refusal:
        ask(user, tables=frozenset({"users"}))
    assert refusal.value.errors[0].field == "tables"


def test_since_finds_what_was_committed_though_the_clock_ran_backwards(user: UUID) -> None:
    with clock.frozen(NOON):
        add(user)
        polled_at = clock.now()
    with clock.frozen(NOON - timedelta(hours=1)):
        late = add(user)
    with clock.frozen(NOON - timedelta(minutes=59)):
        page = ask(user, since=polled_at)

    assert late in ids(page)


def test_since_finds_what_was_begun_before_it_and_committed_after(user: UUID) -> None:
    with clock.frozen(NOON - timedelta(hours=2)):
        old, older = add(user), add(user)
    may_commit, has_written = threading.Event(), threading.Event()
    written: list[str] = []

    def write_slowly() -> None:
        with clock.frozen(NOON), transaction():
            written.append(add(user))
            has_written.set()
            may_commit.wait(10)
        release()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    has_written.wait(10)
    polled_at = NOON + timedelta(minutes=5)
    with clock.frozen(polled_at):
        assert written[0] not in ids(ask(user, since=polled_at))
    may_commit.set()
    writer.join()

    with clock.frozen(polled_at + timedelta(minutes=1)):
        found = ids(ask(user, since=polled_at))
    assert written[0] in found
    assert old not in found
    assert older in found  # The last version before is given again.


def test_since_is_refused_only_where_deletions_may_be_missing(user: UUID) -> None:
    with clock.frozen(NOON):
        add(user)
        gone = add(user)
        delete_history(user, UUID(gone))
    collect(user, gone, 3)

    with clock.frozen(NOON + timedelta(days=31)):
        assert ask(user, since=clock.now()).changes == []
        late = add(user)
        assert ids(ask(user, since=clock.now() - timedelta(days=20))) == [late]
        for moment in (NOON + timedelta(minutes=1), datetime.min.replace(tzinfo=UTC)):
            with pytest.raises(Gone) as refusal:
                ask(user, since=moment)
            assert refusal.value.facts == {"reason": "horizon"}


def test_account_of_which_nothing_was_synced_is_up_to_date(user: UUID) -> None:
    page = ask(user)

    assert (page.changes, page.cursor.version) == ([], 0)
    assert ask(user, page.cursor, client_id="phone").changes == []
    action = add(user)
    assert ids(ask(user, page.cursor)) == [action]


def test_what_a_client_has_is_known_from_the_cursor_it_presents(user: UUID) -> None:
    add(user)
    first = ask(user, client_id="phone")
    assert acked(user) == 0
    add(user)
    ask(user, first.cursor, client_id="phone")
    assert acked(user) == first.cursor.version

    clients.revoke_client(user, "phone", at=NOON)
    with pytest.raises(Forbidden) as refusal:
        ask(user, first.cursor, client_id="phone")
    assert refusal.value.code == "CLIENT_REVOKED"
    assert len(ask(user, first.cursor).changes) == 1


def acked(user_id: UUID) -> int:
    client = get_client(user_id, "phone")
    assert client is not None
    version: int = client["acked_version"]
    return version


def test_sums_differ_by_rows_and_versions_and_not_by_what_is_gone(
    user: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.usecases.sync.checksum._BATCH", 2)
    empty = compute_checksums(user, None)
    kept = [add(user) for _ in range(5)]
    full = compute_checksums(user, None)
    create_history(user, history_id=(gone := uuid4()), action_type="A", payload={})
    delete_history(user, gone)
    after = compute_checksums(user, {"history"})
    update_history(user, UUID(kept[0]), action_type="B")
    changed = compute_checksums(user, {"history"})

    assert empty.tables.keys() == TABLES
    assert (empty.head["version"], empty.tables["history"].count) == (0, 0)
    assert (full.head["version"], full.tables["history"].count) == (5, 5)
    assert after.head["version"] == 7
    assert after.tables == {"history": full.tables["history"]}
    assert changed.tables["history"] != full.tables["history"]
