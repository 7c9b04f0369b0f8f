"""Every query of the application, by domain. Functions take no connection and never commit."""

from functools import reduce
from operator import and_
from typing import Any

from app.dal.connection import get_db

Row = dict[str, Any]
"""A row as callers get it: a plain dict of typed values."""

Query = Any
"""A PyDAL query. PyDAL ships no types, so this name says what mypy cannot."""


def delete_first(query: Query, *, orderby: Any, limit: int, skip_locked: bool = True) -> int:
    """Delete the first rows of one table that a query finds, and tell how many they were.

    Args:
        query: The rows.
        orderby: The column by which they are the first.
        limit: How many at most.
        skip_locked: Leave those to others that they are about to change.
    """
    db = get_db()
    table = orderby.table
    keys = [table[name] for name in table._primarykey]
    rows = db.lock_rows(query, *keys, orderby=orderby, limitby=(0, limit), skip_locked=skip_locked)
    for row in rows:
        db(reduce(and_, (key == row[key.name] for key in keys))).delete()
    return len(rows)
