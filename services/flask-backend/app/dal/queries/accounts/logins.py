"""How often somebody tried to sign in, and when an account last did.

A counter is named by an account's id (its row of ``logins``) or by a text (a row of
``login_attempts``). Knows no limit: callers lock a counter, read it and write it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row, delete_first

CounterName = UUID | str


def lock_counter(name: CounterName) -> Row:
    """Return a counter, made if need be, and locked until the transaction ends."""
    table, key = _place_of(name)
    while True:
        # Also if it is there: else the time would tell whose counter is not, and so who is nobody.
        table.upsert({key.name: name}, conflict=[key.name], update={})
        rows: list[Row] = get_db().lock_rows(key == name)
        if rows:  # Else it was forgotten as stale in between.
            return rows[0]


def update_counter(name: CounterName, **columns: Any) -> None:
    """Change a counter that is there."""
    _, key = _place_of(name)
    get_db()(key == name).update(**columns)


def refund_counter(name: CounterName, *, claimed: datetime, before: datetime) -> None:
    """Take back one attempt and, unless a later one has locked again, its lock.

    To be called in a transaction: the first statement locks the counter for the second one, and
    no third one follows. PostgreSQL asks for the account of a row that is changed twice, and would
    wait there for whoever has locked the account and waits for this counter.

    Args:
        name: Which counter.
        claimed: What the attempt wrote into ``locked_until``.
        before: What stands there without the attempt.
    """
    db = get_db()
    _, key = _place_of(name)
    for row in db.lock_rows(key == name):
        until = before if row["locked_until"] == claimed else row["locked_until"]
        db(key == name).update(failed=max(0, row["failed"] - 1), locked_until=until)


def list_stale_counters(*, beside: str, before: datetime, limit: int) -> list[str]:
    """Return the names of counters that nobody has touched since a time.

    Names are digests, so whoever looks at the neighbours of the one at hand looks, in the long
    run, at all of them, and reads the key instead of the whole table.

    Args:
        beside: The name after which to look.
        before: The last touch of what is stale.
        limit: How many to look at.
    """
    db = get_db()
    attempts = db.login_attempts
    rows = db(attempts.key > beside).dicts(
        attempts.key, attempts.updated_at, orderby=attempts.key, limitby=(0, limit)
    )
    return [row["key"] for row in rows if row["updated_at"] < before]


def forget_counter(name: str, *, before: datetime) -> None:
    """Delete a counter, unless somebody has touched it since a time."""
    db = get_db()
    attempts = db.login_attempts
    db((attempts.key == name) & (attempts.updated_at < before)).delete()


def delete_stale_counters(*, before: datetime, limit: int) -> int:
    """Delete counters that nobody has touched since a time, a number of them; tell how many."""
    attempts = get_db().login_attempts
    return delete_first(attempts.updated_at < before, orderby=attempts.updated_at, limit=limit)


def record_login(user_id: UUID, *, at: datetime) -> None:
    """Note when an account last signed in."""
    values = {"user_id": user_id, "last_login_at": at}
    get_db().logins.upsert(values, conflict=["user_id"])


def _place_of(name: CounterName) -> tuple[Any, Any]:  # PyDAL ships no types
    db = get_db()
    if isinstance(name, UUID):
        return db.logins, db.logins.user_id
    return db.login_attempts, db.login_attempts.key
