"""What a page of actions costs, counted in rows the server reads and not in time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.keyset import Position
from app.models import get_db, list_history, transaction
from bilayer.runtime import Database
from tests.factories import make_user

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE = 20
PAGES = 500


def store_actions(user_id: UUID, count: int) -> list[dict[str, Any]]:
    """Store actions a millisecond apart and return them, newest first."""
    rows = [
        {
            "user_id": user_id,
            "id": uuid_utils.compat.uuid7(),
            "action_type": "SHARE",
            "payload": {"n": n},
            "created_at": NOON + timedelta(milliseconds=n),
        }
        for n in range(count)
    ]
    get_db().history.insert_many(rows)
    return rows[::-1]


def refresh_statistics(database: Database) -> None:
    """Let the planner know its tables, as servers do by themselves after a while."""
    is_mariadb = database.engine_name == "mysql"
    database.dal.executesql("ANALYZE TABLE history" if is_mariadb else "ANALYZE history")


@contextmanager
def counted(database: Database) -> Iterator[Callable[[], int]]:
    """Give a function that tells how much the server has read since the block began."""
    read = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mariadb}[database.engine_name]
    with transaction(readonly=True):
        yield read(database)


def _sqlite(database: Database) -> Callable[[], int]:
    """Count the steps of SQLite's virtual machine: it has no counter of rows."""
    database.dal.executesql("SELECT 1")
    connection = database.dal._adapter.session.connection.dbapi_connection
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def stop() -> int:
        connection.set_progress_handler(None, 0)
        return steps

    connection.set_progress_handler(step, 1)
    return stop


def _postgresql(database: Database) -> Callable[[], int]:
    def read() -> int:
        sql = (
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = 'history'"
        )
        return int(database.dal.executesql(sql)[0][0])

    before = read()
    return lambda: read() - before


def _mariadb(database: Database) -> Callable[[], int]:
    def read() -> int:
        rows = database.dal.executesql("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'")
        return sum(int(count) for name, count in rows if "rnd" not in name or "next" in name)

    before = read()
    # Asking costs some reads itself; a second question right away tells how many.
    overhead = read() - before
    before = read()
    return lambda: read() - before - overhead


def test_page_250_and_page_500_cost_what_page_1_costs(database: Database) -> None:
    user, other = make_user()["id"], make_user()["id"]
    rows = store_actions(user, PAGE * PAGES)
    store_actions(other, 1000)
    refresh_statistics(database)

    costs = []
    for number in (1, PAGES // 2, PAGES):
        start = PAGE * (number - 1)
        last = rows[start - 1] if start else None
        after = Position(last["created_at"], last["id"]) if last else None
        with counted(database) as cost:
            page = list_history(user, after=after, limit=PAGE)
            costs.append(cost())
        assert [row["id"] for row in page] == [row["id"] for row in rows[start : start + PAGE]]

    assert costs[0] > 0
    assert max(costs) <= costs[0] * 1.5 + 5


def test_page_in_the_middle_of_a_range_reads_only_its_rows(database: Database) -> None:
    user = make_user()["id"]
    store_actions(user, 3000)
    refresh_statistics(database)

    with counted(database) as cost:
        list_history(user, limit=PAGE)
        plain_cost = cost()
    with counted(database) as cost:
        page = list_history(
            user,
            start_date=NOON + timedelta(seconds=1),
            end_date=NOON + timedelta(seconds=2),
            limit=PAGE,
        )
        range_cost = cost()

    assert page[0]["created_at"] == NOON + timedelta(seconds=2)
    assert range_cost <= plain_cost * 1.5 + 5
