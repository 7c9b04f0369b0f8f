"""The digests by which a change of the audit log is found. Asks no database.

What is digested is canonical JSON of what the columns give back, so that a digest is the same on
every engine: keys in order, times as text with microseconds, no negative zero, which PostgreSQL
does not keep.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from app.sorted_json import dump_sorted, dump_words
from bilayer.documents import Dumped
from bilayer.runtime import JSON_NULL
from bilayer.runtime.rows import json_value

GENESIS: Final = "0" * 64
"""What the first block has for the hash of the one before."""


def canonical(document: Any) -> bytes:
    """Write a document in the one form it has here."""
    text = dump_sorted(document)
    if b"-0.0" in text:
        text = dump_sorted(json.loads(text, parse_float=lambda digits: float(digits) + 0.0))
    return text


class Written(NamedTuple):
    """Values of a row as JSON.

    Attributes:
        column: For their column.
        text: In the form that is digested.
    """

    column: Dumped | dict[str, Any] | None
    text: bytes


def write_values(values: dict[str, Any] | None) -> Written:
    """Write values once for both; floats need another form in the column."""
    if values is None:
        return Written(None, b"null")
    words = dump_words(values)
    if words is None:
        return Written(values, canonical(values))
    return Written(Dumped(words.decode()), words)


def plain(value: Any) -> Any:
    """Give a column's value as JSON has it.

    Raises:
        TypeError: There is no agreed spelling.
    """
    if value is None or isinstance(value, str | bool | int | float | dict | list):
        return value
    if isinstance(value, dt.datetime):
        return spelled(value)
    return None if value is JSON_NULL else json_value(value)


@lru_cache(maxsize=64)
def spelled(instant: dt.datetime) -> str:
    """Write an instant in UTC with all its digits; thousands of rows may have the same."""
    return f"{instant.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def digest_values(salt: str, record_id: str, old: Any, new: Any) -> str:
    """Digest what may be erased of a row later; without the salt nobody can guess it."""
    return digest_written(salt, record_id, canonical(old), canonical(new))


def digest_written(salt: str, record_id: str, old: bytes, new: bytes) -> str:
    """Digest the same, of which the values are canonical JSON already."""
    document = b"[%b,%b,%b]" % (canonical(record_id), old, new)
    return hashlib.sha256(salt.encode() + document).hexdigest()


def digest_row(row: Mapping[str, Any]) -> str:
    """Digest a row of the log: all that stays, and by their digest the values."""
    return _sha256(
        [
            str(row["user_id"]),
            str(row["id"]),
            row["table_name"],
            row["action"],
            spelled(row["changed_at"]),
            row["changed_by"],
            row["request_id"],
            row["values_digest"],
        ]
    )


def spell_entries(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write down which rows a block seals."""
    entries = [[str(row["user_id"]), str(row["id"]), row["digest"]] for row in rows]
    return canonical(entries).decode()


def hash_block(number: int, previous: str, sealed_at: dt.datetime, entries: str) -> str:
    """Digest a block with all that it seals, and by its hash the one before."""
    return _sha256([number, previous, spelled(sealed_at), entries])


def _sha256(document: Any) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()
