"""The one database of this process: connected when first used, its tables defined once.

Holds no query.
"""

import threading
from typing import Any, Final

from sqlalchemy import URL, event

from app import clock
from app.actor import current_actor
from app.breaker import BreakerState
from app.config import Settings, get_settings
from app.dal.admission import Admission
from app.dal.audit import AuditTrail, ChosenInserts
from app.dal.audited import audited_tables
from app.dal.synced import synced_tables
from app.dal.tables import define_tables
from app.dal.versions import Versions
from app.log import current_request_id
from bilayer.runtime import DAL, Database, Isolation, Timestamps, Transaction

STAMPED_TABLES: Final = (
    "users",
    "login_attempts",
    "user_credits",
    "credit_accounts",
)
"""The tables whose ``created_at`` and ``updated_at`` are this service's to keep.

``Versions`` keeps those of synced tables.
"""

CONNECT_SECONDS: Final = 3.0
STATEMENT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 7.0
"""After which a server that should have stopped the statement by itself is taken for dead."""
UNLIMITED_SECONDS: Final = 7 * 86_400.0
"""No limit that a copy would meet, and one that every server takes."""

_starting: Final = threading.Lock()
_database: Database | None = None
_admission: Admission | None = None


def init_db(settings: Settings | None = None) -> Database:
    """Return the database of this process; the first call decides which one that is.

    Opens no connection: the first statement does.

    Args:
        settings: Where the database is; the environment's if None. Later calls ignore it.

    Raises:
        SettingsError: The environment does not say where the database is.
    """
    global _admission, _database  # noqa: PLW0603 - one database a process is the promise of this module
    with _starting:
        if _database is None:
            settings = settings or get_settings()
            places = settings.db_pool_size + settings.db_max_overflow
            _admission = Admission(places=places, patience=settings.pool_timeout)
            _database = _connect(settings, _admission)
        return _database


def close_db() -> None:
    """Close every connection and forget the database, so that ``init_db`` may name another."""
    global _database  # noqa: PLW0603 - as above
    with _starting:
        if _database is not None:
            _database.close()
            _database = None


def get_database() -> Database:
    """Return the database of this process, connecting it as the settings say if need be."""
    return _database or init_db()


def get_db() -> DAL:
    """Return the PyDAL object with every table defined."""
    return get_database().dal


def transaction(isolation: Isolation | None = None, *, readonly: bool = False) -> Transaction:
    """Commit everything in the ``with`` block together, or nothing; inside another, a savepoint.

    Args:
        isolation: ``READ COMMITTED``, ``REPEATABLE READ`` or ``SERIALIZABLE``; the engine's
            default if None.
        readonly: Refuse writes.
    """
    return get_database().transaction(isolation=isolation, readonly=readonly)


def list_tables(url: URL) -> list[str]:
    """Name every table of the application, as a database at this address has them; asks nobody."""
    database = Database.connect(url)
    define_tables(database.dal)
    return list(database.dal.tables)


def open_verbatim(url: str | URL) -> Database:
    """Open another database past the write pipeline, for copies, backups and their comparison.

    The one bypass: nobody takes part in its writes, so that they are neither audited nor numbered
    nor stamped. Statements may take as long as they need. The caller closes it.

    Raises:
        UnsupportedURL: The URL cannot be read or names another engine.
    """
    database = Database.connect(
        url,
        pool_size=1,
        max_overflow=0,
        connect_timeout=CONNECT_SECONDS,
        statement_timeout=UNLIMITED_SECONDS,
        read_timeout=UNLIMITED_SECONDS + SILENCE_SECONDS,
        idle_in_transaction_timeout=UNLIMITED_SECONDS,
        application_name="flask-backend verbatim",
    )
    if database.engine_name == "sqlite":
        # Text that is no UTF-8 is told with its place, instead of failing the statement.
        event.listen(database.engine, "connect", _read_any_text)
    define_tables(database.dal)
    return database


def release() -> None:
    """Give this thread's connection back to the pool, at the end of a request."""
    if _database is not None:
        _database.release()


def is_circuit_open() -> bool:
    """Tell whether the database is not asked at the moment, because it did not answer."""
    return _admission is not None and _admission.breaker.state is not BreakerState.CLOSED


def hasten_probe() -> None:
    """Let the next one who asks for a connection try, even if the database did not answer."""
    if _admission is not None:
        _admission.breaker.hasten()


def _read_any_text(connection: Any, _record: Any) -> None:
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")


def _connect(settings: Settings, admission: Admission) -> Database:
    database = Database.connect(
        settings.url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=settings.pool_timeout,
        pool_recycle=settings.db_pool_recycle,
        connect_timeout=CONNECT_SECONDS,
        statement_timeout=STATEMENT_SECONDS,
        read_timeout=SILENCE_SECONDS,
        echo=settings.db_echo_sql,
        guard=admission,
        application_name="flask-backend",
    )
    define_tables(database.dal)
    database.subscribe(Timestamps(clock.now), *STAMPED_TABLES)
    database.subscribe(Versions(clock.now), *synced_tables(database.dal))
    audited = audited_tables(database.dal)
    trail = AuditTrail(clock.now, current_actor, current_request_id, audited)
    chosen = [name for name, one in audited.items() if one.chosen]
    database.subscribe(trail, *(name for name in audited if name not in chosen))
    database.subscribe(ChosenInserts(trail, audited), *chosen)
    return database
