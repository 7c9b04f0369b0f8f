"""The connections of the limit: one a thread, which psycopg2 speaks through without a layer."""

from __future__ import annotations

import os
import threading
from typing import Any

import orjson
import psycopg2
import psycopg2.extras

psycopg2.extras.register_default_jsonb(globally=True, loads=orjson.loads)
_own = threading.local()


def cursor() -> Any:
    """Return a new cursor of this thread's connection, in autocommit."""
    if not hasattr(_own, "connection"):
        _own.connection = psycopg2.connect(os.environ["LIMIT_URL"], options="-c timezone=UTC")
        _own.connection.autocommit = True
    return _own.connection.cursor()


def read(statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, in one round trip."""
    asked = cursor()
    asked.execute(statement, values)
    rows: list[tuple[Any, ...]] = asked.fetchall()
    return rows
