"""Values at the edges of what columns hold."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

import sqlalchemy as sa

from app.db.models import metadata
from tests.migrations.rows import TEXT

OWNER: Final = uuid.UUID(int=1)
"""The account that the rows belong to; ``tests.migrations.rows`` makes it."""
PROFILE: Final = f"1{TEXT}"
"""Its learner, made there too."""

FIRST: Final = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
LAST: Final = dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
SOME_TIME: Final = dt.datetime(2026, 2, 3, 4, 5, 6, 1, tzinfo=dt.UTC)

TEXTS: Final = (
    "",
    " ",
    "ends with a space ",
    "\ttab\nline\r\nreturn\\N \\. back\\\\slash",
    'it\'s 100% "quoted" %s ? :x',
    "\x01\x1f\x7f\u2028\ufeff\uffff",
    "\N{DOG FACE}e\u0301\u00e9",
    "x" * 70_000,
)
DOCUMENTS: Final[tuple[Any, ...]] = (
    [],
    {},
    "",
    0,
    0.0,
    -0.0,
    False,
    {"": {"a\\b/c~d\"'": "\t\n"}},
    {"big": 10**40, "small": -(10**40), "one": 1, "float": 1.0, "zero": [0, -0.0, 0.5]},
    [5e-324, 1.7976931348623157e308, 1e16, 0.1 + 0.2, 1e-7],
    {"text": list(TEXTS)},
    {"nothing": None, "deep": [[[[[[[[[[{"a": [{}, []]}]]]]]]]]]]},
    sa.JSON.NULL,
)
NUMBERS: Final = (0.0, -0.0, 5e-324, -1.7976931348623157e308, 0.1, 1e16, None)


def add_extremes(connection: sa.Connection) -> None:
    """Add rows to tables of learning, history and credits."""
    for number, text in enumerate(TEXTS):
        _insert(connection, "chat_messages", number, **_message(text))
    for number, document in enumerate(DOCUMENTS):
        _insert(connection, "history", number, **_action(document))
        _insert(connection, "approved_cards", number, **_card(document))
    for number, value in enumerate(NUMBERS):
        _insert(connection, "learner_profiles", f"n{number}", **_learner(value))
    for number, amount in enumerate((2**63 - 1, -(2**63), 1)):
        _insert(connection, "credit_transactions", number, **_entry(number, amount))


def add_history(url: str, number: int, payload: Any) -> None:
    """Add one action with a payload."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        _insert(connection, "history", 1_000_000 + number, **_action(payload))


def _insert(connection: sa.Connection, table: str, number: int | str, **values: Any) -> None:
    key = number if isinstance(number, str) else uuid.UUID(int=1000 + number)
    row = {"user_id": OWNER, "id": key, **values}
    connection.execute(metadata.tables[table].insert().values(row))


def _message(text: str) -> dict[str, Any]:
    times = {"timestamp": FIRST, "created_at": LAST, "updated_at": SOME_TIME}
    documents: dict[str, Any] = {"mentions": None, "config": sa.JSON.NULL, "extra": {}}
    ids = {"profile_id": PROFILE, "role": "user", "version": 2**63 - 1}
    return {"content": text, "is_deleted": False, **times, **documents, **ids}


def _action(document: Any) -> dict[str, Any]:
    times = {"created_at": FIRST, "updated_at": LAST}
    return {"action_type": "x", "payload": document, "is_deleted": True, "version": 0, **times}


def _card(document: Any) -> dict[str, Any]:
    times = {"approved_at": LAST, "created_at": FIRST, "updated_at": SOME_TIME}
    ids = {"profile_id": PROFILE, "card_type": "basic", "status": "approved", "version": -1}
    return {"content": document, "is_deleted": False, **times, **ids}


def _learner(value: float | None) -> dict[str, Any]:
    documents: dict[str, Any] = {
        "interests": [],
        "character_roster": [],
        "extra": {},
        "extracted_data": None,
    }
    times = {"created_at": SOME_TIME, "updated_at": SOME_TIME}
    return {"name": "", "mental_age": value, "version": 0, "is_deleted": False} | documents | times


def _entry(number: int, amount: int) -> dict[str, Any]:
    words = {"bucket": "prepaid", "transaction_type": "grant", "reference": f"edge {number}"}
    return {"amount": amount, "balance_after": 0, "created_at": SOME_TIME, **words}
