"""What tells whether two databases hold the same rows: a count and a hash for each table.

The same rows give the same hash on every engine. A difference in how an engine keeps a value that
is equal (the order of a document's keys, the sign of zero) is none.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from bilayer.runtime import JSON_NULL, Database
from bilayer.runtime.verbatim import Values, VerbatimTable

OnRows = Callable[[str, int], None]
"""Is told of each table how many rows of it were read since it was told last."""

ROWS_BETWEEN_NEWS: Final = 1000

_STRING_OR_NEGATIVE_ZERO: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-0\.0(?![0-9e])')


@dataclass(frozen=True, slots=True)
class TableDigest:
    """What a table holds.

    Attributes:
        rows: How many rows.
        sha256: The hash of all rows in the order of their key, in hex digits.
    """

    rows: int
    sha256: str


def digest_tables(
    database: Database, tables: Iterable[str] | None = None, *, on_rows: OnRows | None = None
) -> dict[str, TableDigest]:
    """Digest tables within the transaction of the caller, whose snapshot it sees.

    Args:
        database: With its tables defined; see ``app.models.open_verbatim``.
        tables: Which; all that are defined if None.
        on_rows: Is told how far it is.

    Raises:
        InvalidValue: A stored value is none of its column.
    """
    names = database.dal.tables if tables is None else tables
    return {name: _digest(VerbatimTable(database, name), on_rows) for name in names}


def canonical(table: VerbatimTable, row: Values) -> bytes:
    """Spell a row so that equal rows are equal bytes, and others are not."""
    values = [
        [value] if at in table.documents and value is not None else value
        for at, value in enumerate(row)
    ]
    return canonical_value(values)


def canonical_value(value: Any) -> bytes:
    """Spell what a row is made of: documents, and all that columns hold beside them."""
    text = _encode(value)
    if "-0.0" in text:
        text = _STRING_OR_NEGATIVE_ZERO.sub(_without_sign, text)
    return text.encode(errors="surrogatepass")


def _digest(table: VerbatimTable, on_rows: OnRows | None) -> TableDigest:
    found = hashlib.sha256(json.dumps([table.name, *table.columns]).encode())
    count = 0
    for count, row in enumerate(table.rows(), 1):
        found.update(b"\n" + canonical(table, row))
        if on_rows is not None and count % ROWS_BETWEEN_NEWS == 0:
            on_rows(table.name, ROWS_BETWEEN_NEWS)
    if on_rows is not None:
        on_rows(table.name, count % ROWS_BETWEEN_NEWS)
    return TableDigest(count, found.hexdigest())


def _plain(value: Any) -> str | None:
    """Spell what JSON has no word for; a column has one type, so that none is taken for another."""
    if value is JSON_NULL:
        return None
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value.normalize())
    return value.hex() if isinstance(value, bytes) else str(value)


_encode: Final = json.JSONEncoder(
    default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")
).encode


def _without_sign(match: re.Match[str]) -> str:
    text = match.group()
    return text if text.startswith('"') else "0.0"
