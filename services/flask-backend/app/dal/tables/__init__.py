"""The tables as the application reads and writes them, one file per domain.

Each file has a twin of the same name in ``app.db.tables``: same tables, same columns, same
order. Nothing here creates or alters a table.
"""

from __future__ import annotations

from app.dal.tables.accounts import define_accounts
from app.dal.tables.history import define_history
from app.dal.tables.idempotency import define_idempotency
from bilayer.runtime import DAL


def define_tables(db: DAL) -> None:
    """Define every table of the application on ``db``. Sends nothing to the database."""
    define_accounts(db)
    define_history(db)
    define_idempotency(db)
