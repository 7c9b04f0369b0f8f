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

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.vocabulary import HoldState

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
    owned: Owned, user_id: UUID, *, after: Place | None = None, limit: int
) -> list[Row]:
    """Return rows of an account, by their key.

    Args:
        owned: Of which table.
        user_id: Whose.
        after: Where the page before has ended.
        limit: How many at most.
    """
    db = get_db()
    columns = [db[owned.table][name] for name in owned.order]
    options = {"orderby": reduce(or_, columns)} if columns else {}
    query = _between(owned, user_id, after, None)
    rows: list[Row] = db(query).dicts(limitby=(0, limit), **options)
    return rows


def find_page_end(
    owned: Owned,
    user_id: UUID,
    *,
    after: Place | None = None,
    limit: int,
    unlike: Mapping[str, Any] | None = None,
) -> Place | None:
    """Return where the next page of an account's rows ends, or None if there is none.

    Args:
        owned: Of which table.
        user_id: Whose.
        after: Where the page before has ended.
        limit: How many rows a page has at most.
        unlike: Only rows that differ from these values, all of them NULL.
    """
    db = get_db()
    table = db[owned.table]
    query = _between(owned, user_id, after, None)
    if unlike is not None:
        query &= reduce(or_, (table[name] != None for name in unlike))  # noqa: E711 - a query
    columns = [table[name] for name in (*owned.order, owned.owner)]
    options = {"orderby": reduce(or_, columns[:-1])} if owned.order else {}
    rows = db(query).dicts(*columns, limitby=(0, limit), **options)
    return tuple(rows[-1][name] for name in owned.order) if rows else None


def delete_owned_rows(owned: Owned, user_id: UUID, *, after: Place | None, last: Place) -> None:
    """Delete the rows of a page, and what came between them meanwhile."""
    get_db()(_between(owned, user_id, after, last)).delete()


def empty_owned_rows(
    owned: Owned, user_id: UUID, *, after: Place | None, last: Place, values: Mapping[str, Any]
) -> None:
    """Give columns of the rows of a page these values."""
    get_db()(_between(owned, user_id, after, last)).update(**values)


def list_open_holds(user_id: UUID, *, limit: int) -> list[UUID]:
    """Return the ids of holds of an account that nobody has ended."""
    holds = get_db().credit_holds
    query = (holds.user_id == user_id) & (holds.state == str(HoldState.OPEN))
    return [row["id"] for row in get_db()(query).dicts(holds.id, limitby=(0, limit))]


def erase_identity(user_id: UUID, values: Mapping[str, Any]) -> None:
    """Replace what the row of an account says of its owner, whether it is deleted or not."""
    db = get_db()
    db(db.users.id == user_id).update(**values)


def record_erasure(user_id: UUID, *, erased_at: datetime) -> None:
    """Remember that an account was erased, and that traces may be left."""
    values = {"user_id": user_id, "erased_at": erased_at, "finished_at": None}
    get_db().erasures.upsert(values, conflict=["user_id"])


def get_erasure(user_id: UUID) -> Row | None:
    """Return when an account was erased, or None."""
    db = get_db()
    row: Row | None = db(db.erasures.user_id == user_id).one()
    return row


def finish_erasure(user_id: UUID, *, finished_at: datetime) -> None:
    """Note that no trace is left."""
    db = get_db()
    db(db.erasures.user_id == user_id).update(finished_at=finished_at)


def list_erasures(*, after: UUID | None = None, limit: int) -> list[Row]:
    """Return accounts that were erased, by their ids."""
    db = get_db()
    erasures = db.erasures
    query = erasures if after is None else erasures.user_id > after
    rows: list[Row] = db(query).dicts(orderby=erasures.user_id, limitby=(0, limit))
    return rows


def list_unfinished_erasures(*, before: datetime, limit: int) -> list[UUID]:
    """Return accounts erased before a time of which traces may be left."""
    db = get_db()
    erasures = db.erasures
    query = (erasures.finished_at == None) & (erasures.erased_at <= before)  # noqa: E711 - a query
    rows = db(query).dicts(erasures.user_id, orderby=erasures.erased_at, limitby=(0, limit))
    return [row["user_id"] for row in rows]


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
