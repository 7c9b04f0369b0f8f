"""Every row of the service's database, for tests that say what a request must not change."""

from typing import Any

from app.models import get_db, release

# Counting an attempt is what a refused one is for.
COUNTERS = frozenset({"logins", "login_attempts"})


def snapshot(*, without: frozenset[str] = frozenset()) -> dict[str, list[Any]]:
    """Return all rows of all tables, in an order of their own."""
    db = get_db()
    rows = {
        table: sorted(map(repr, db(db[table]).select().as_list()))
        for table in db.tables
        if table not in without
    }
    release()
    return rows
