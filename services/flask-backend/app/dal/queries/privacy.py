"""What all tables hold of one account, page by page, and which accounts were erased.

The tables are named by whoever calls: see ``app.usecases.personal_data``. Each statement is bounded
by a page, so that none runs long however much an account has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from app.dal.audit import withholding_values
from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.dal.versions import purging

Place = tuple[Any, ...]
"""The values of a row's ``order``."""


@dataclass(frozen=True, slots=True)
class Owned:
    """The rows that accounts have in a table.

    Attributes:
        table: Its name.
        order: The columns of its key that tell the rows of one account apart; none: there is one.
        owner: The column that says whose a row is.
    """

    table: str
    order: tuple[str, ...] = ()
    owner: str = "user_id"


def list_owned_rows(
    owned: Owned,
    user_id: UUID,
    *,
    columns: Sequence[str] = (),
    unlike: Mapping[str, Any] | None = None,
    after: Place | None = None,
    limit: int,
) -> list[Row]:
    """Return rows of an account, by their key.

    Args:
        owned: Of which table.
        user_id: Whose.
        columns: What of them; all if none is named.
        unlike: Only rows that differ from these values; what may be NULL, from NULL.
        after: Where the page before has ended.
        limit: How many at most.
    """
    db = get_db()
    table = db[owned.table]
    query = _between(owned, user_id, after, None)
    if unlike is not None:
        query &= reduce(or_, (table[name] != value for name, value in unlike.items()))
    order = [table[name] for name in owned.order]
    options = {"orderby": reduce(or_, order)} if order else {}
    fields = [table[name] for name in columns]
    rows: list[Row] = db(query).dicts(*fields, limitby=(0, limit), **options)
    return rows


def delete_owned_rows(
    owned: Owned, user_id: UUID, *, after: Place | None = None, last: Place | None = None
) -> None:
    """Delete the rows between two places, those that came meanwhile too; all if none is given."""
    with purging():
        get_db()(_between(owned, user_id, after, last)).delete()


def update_owned_rows(
    owned: Owned,
    user_id: UUID,
    *,
    values: Mapping[str, Any],
    after: Place | None = None,
    last: Place | None = None,
) -> None:
    """Give columns of the rows between two places these values; of all if none is given."""
    with withholding_values():
        get_db()(_between(owned, user_id, after, last)).update(**values)


def record_erasure(user_id: UUID, *, erased_at: datetime) -> Row:
    """Remember that an account was erased, and that traces may be left; return the row."""
    values: Row = {"user_id": user_id, "erased_at": erased_at, "finished_at": None}
    get_db().erasures.upsert(values, conflict=["user_id"])
    return values


def get_erasure(user_id: UUID) -> Row | None:
    """Return when an account was erased, or None."""
    db = get_db()
    row: Row | None = db(db.erasures.user_id == user_id).one()
    return row


def list_erasures(
    *, unfinished_since: datetime | None = None, after: UUID | None = None, limit: int
) -> list[Row]:
    """Return accounts that were erased, by their ids.

    Args:
        unfinished_since: Only those erased until then of which traces may be left.
        after: Only accounts behind this one in the list.
        limit: How many at most.
    """
    db = get_db()
    erasures = db.erasures
    found = db(erasures)
    if unfinished_since is not None:
        found = found(erasures.finished_at == None)(erasures.erased_at <= unfinished_since)  # noqa: E711 - a query
    if after is not None:
        found = found(erasures.user_id > after)
    rows: list[Row] = found.dicts(orderby=erasures.user_id, limitby=(0, limit))
    return rows


def _between(owned: Owned, user_id: UUID, after: Place | None, last: Place | None) -> Query:
    """Select an account's rows behind one place, and up to another."""
    table = get_db()[owned.table]
    query = table[owned.owner] == user_id
    columns = [table[name] for name in owned.order]
    if after:
        query &= reduce(or_, _beyond(columns, after))
    if last:
        query &= reduce(or_, _up_to(columns, last))
    return query


def _beyond(columns: Sequence[Any], place: Place) -> Iterator[Query]:
    for number, column in enumerate(columns):
        yield _same(columns[:number], place, column > place[number])


def _up_to(columns: Sequence[Any], place: Place) -> Iterator[Query]:
    for number, column in enumerate(columns[:-1]):
        yield _same(columns[:number], place, column < place[number])
    yield _same(columns[:-1], place, columns[-1] <= place[-1])


def _same(columns: Sequence[Any], place: Place, query: Query) -> Query:
    for column, value in zip(columns, place, strict=False):
        query &= column == value
    return query
