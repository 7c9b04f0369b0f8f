"""What there is to know of an SQLite file. It is opened for reading only, and not made."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa

from app.config import Settings
from app.operations.doctor.database import UPGRADE, ask, revision
from app.operations.doctor.findings import Finding, warn, well, wrong

CHECKS: Final = (
    "database_file",
    "database_version",
    "database_integrity",
    "database_journal",
    "database_revision",
)

_OLDEST: Final = (3, 35)
_CHECK_SECONDS: Final = 5.0
_BUSY_SECONDS: Final = 2.0


def look(settings: Settings) -> Iterator[Finding]:
    """Look at the file, and then into it."""
    path = Path(settings.url.database or "")
    found = _file(path)
    yield found
    yield _version()
    if found.outcome == "problem":
        return
    engine = sa.create_engine("sqlite://", creator=lambda: _open(path), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield _integrity(connection)
        yield ask("database_journal", lambda: _journal(connection))
        yield ask("database_revision", lambda: revision(connection))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)


def _file(path: Path) -> Finding:
    try:
        with path.open("r+b") as stream:
            head = stream.read(16)
    except FileNotFoundError:
        return wrong("database_file", f"There is no file {path}.", UPGRADE)
    except OSError as error:
        sentence = f"{path} cannot be opened for writing: {error.strerror}."
        return wrong("database_file", sentence, f"Give it to the service's user: chown ... {path}")
    if head not in (b"", b"SQLite format 3\0"):
        sentence = f"{path} is no SQLite database."
        return wrong("database_file", sentence, "Correct DATABASE_URL, or restore a backup.")
    return well("database_file", f"{path} can be read and written.")


def _version() -> Finding:
    text = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _OLDEST:
        sentence = f"{text} is older than 3.35, the oldest supported."
        return wrong("database_version", sentence, "Use a Python with a newer SQLite.")
    return well("database_version", f"{text}.")


def _integrity(connection: sa.Connection) -> Finding:
    driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    deadline = time.monotonic() + _CHECK_SECONDS
    driver.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
    try:
        first = driver.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if error.sqlite_errorname == "SQLITE_INTERRUPT":
            sentence = f"The file is too large to be checked within {_CHECK_SECONDS:g} s."
            fix = "Check a backup at leisure: sqlite3 copy.db 'PRAGMA integrity_check'."
            return warn("database_integrity", sentence, fix)
        first = error.sqlite_errorname
    finally:
        driver.set_progress_handler(None, 0)
    if first != "ok":
        sentence = f"The file is damaged ({first})."
        return wrong("database_integrity", sentence, "Stop the service and restore a backup.")
    return well("database_integrity", "The quick check finds the file sound.")


def _journal(connection: sa.Connection) -> Finding:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode == "wal":
        return well("database_journal", "The journal is a write-ahead log.")
    return warn(
        "database_journal",
        f"journal_mode is {mode}, not wal.",
        "Start the service: it sets it. If it stays, the file is on a network share; move it to a"
        " local disk.",
    )
