"""Rows with a value in every column, for whatever tables there are at a revision."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from app.db.models import metadata
from bilayer import types

Columns = Mapping[tuple[str, str], list[Any]]
"""The values of each (table, column), in the order of the table's primary key."""

CHOSEN: Final = {
    "users.role": "maintainer",
    "users.user_type": "member",
    "email_tokens.purpose": "password_reset",
    "credit_transactions.bucket": "prepaid",
    "credit_transactions.transaction_type": "grant",
    "credit_transactions_archive.bucket": "prepaid",
    "credit_transactions_archive.transaction_type": "grant",
    "credit_holds.state": "captured",
    "transactions.currency": "eur",
    "stripe_events.state": "processed",
    "consent_events.purpose": "marketing",
    "consent_events.decision": "withdrawn",
    "query_cache.scope": "user",
    "installation.id": 1,
    "approved_cards.card_type": "cloze",
    "approved_cards.status": "pending",
    "chat_messages.role": "assistant",
    "audit_log.action": "delete",
    "import_runs.state": "finished",
    "import_items.status": "merged",
    "quarantine.state": "resolved",
    "query_cache.expires_at": dt.datetime(2026, 2, 4, tzinfo=dt.UTC),
}
"""Values where a check allows only some; none of them is the column's default."""

SINGLE: Final = ("installation", "audit_blocks")
"""Tables that have one row."""

TEXT: Final = "A\N{LATIN SMALL LETTER E WITH ACUTE} \N{DOG FACE} '%\\ "

VALUES: Final[Mapping[type[Any], Any]] = {
    types.UTCDateTime: dt.datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=dt.UTC),
    types.JSONDocument: {"text": TEXT, "list": [1, None, 2.5, True]},
    types.ExactNumeric: decimal.Decimal(7),
    types.String: TEXT,
    types.Text: TEXT,
    sa.Boolean: True,
    sa.Integer: 1234,
    sa.BigInteger: 2**62,
    sa.Double: 0.1,
    sa.Date: dt.date(2026, 2, 3),
    sa.LargeBinary: b"\x00\xff'",
}


def refill(connection: sa.Connection) -> None:
    """Give each table two rows, and no other ones.

    All identifiers of the first row are 1 and those of the second 2, so that foreign keys hold.
    """
    known = _reflect(connection)
    for table in reversed(known.sorted_tables):
        connection.execute(sa.delete(table))
    for table in known.sorted_tables:
        columns = [sa.column(column.name, _type(column)) for column in table.columns]
        target = sa.table(table.name, *columns)
        for number in (1,) if table.name in SINGLE else (1, 2):
            row = {column.name: _value(table.name, column, number) for column in columns}
            connection.execute(sa.insert(target).values(row))


def read_columns(connection: sa.Connection) -> Columns:
    """Read every value of every table as the driver gives it."""
    found: dict[tuple[str, str], list[Any]] = {}
    quote = connection.dialect.identifier_preparer.quote
    for table in _reflect(connection).sorted_tables:
        key = ", ".join(quote(column.name) for column in table.primary_key)
        statement = f"SELECT * FROM {quote(table.name)} ORDER BY {key}"
        rows = connection.exec_driver_sql(statement).mappings().all()
        for column in table.columns:
            found[table.name, column.name] = [row[column.name] for row in rows]
    return found


def _reflect(connection: sa.Connection) -> sa.MetaData:
    known = sa.MetaData()
    known.reflect(connection, only=lambda name, _: name != "alembic_version")
    return known


def _type(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """Choose the type the models know; what only older revisions have keeps its own."""
    table = metadata.tables.get(column.table.name)
    modelled = table.columns.get(column.name) if table is not None else None
    return column.type if modelled is None else modelled.type


def _value(table: str, column: sa.ColumnClause[Any], number: int) -> Any:
    if isinstance(column.type, types.UUID):
        return uuid.UUID(int=number)
    if (chosen := CHOSEN.get(f"{table}.{column.name}")) is not None:
        return chosen
    value = VALUES[type(column.type)]
    return f"{number}{value}" if isinstance(value, str) else value
