"""The tables as the application reads and writes them, one file per domain.

Each file has a twin of the same name in ``app.db.tables``: same tables, same columns, same
order. Nothing here creates or alters a table.
"""

from __future__ import annotations

from app.dal.tables.accounts import define_accounts
from app.dal.tables.audit import define_audit
from app.dal.tables.backups import define_backups
from app.dal.tables.billing import define_billing
from app.dal.tables.consents import define_consents
from app.dal.tables.history import define_history
from app.dal.tables.idempotency import define_idempotency
from app.dal.tables.imports import define_imports
from app.dal.tables.learning import define_learning
from app.dal.tables.leases import define_leases
from app.dal.tables.query_cache import define_query_cache
from app.dal.tables.sync import define_sync
from app.dal.tables.wallet import define_wallet
from bilayer.runtime import DAL


def define_tables(db: DAL) -> None:
    """Define every table of the application on ``db``. Sends nothing to the database."""
    define_accounts(db)
    define_history(db)
    define_idempotency(db)
    define_wallet(db)
    define_billing(db)
    define_consents(db)
    define_query_cache(db)
    define_leases(db)
    define_sync(db)
    define_learning(db)
    define_audit(db)
    define_imports(db)
    define_backups(db)
