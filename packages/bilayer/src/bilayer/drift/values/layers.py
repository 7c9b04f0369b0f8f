"""PyDAL on a scratch database: bilayer's runtime, or PyDAL's stock adapter of the engine."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pydal
import sqlalchemy as sa

_STOCK_SCHEMES: Final = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}


@contextlib.contextmanager
def open_dal(url: sa.URL, adapter: str) -> Iterator[Any]:  # Any: PyDAL ships no types
    """Open a DAL that creates and alters nothing."""
    if adapter == "native":
        # Only here: the runtime pins PyDAL, and the check does not.
        from bilayer.runtime import Database  # noqa: PLC0415 - see above

        database = Database.connect(url)
        try:
            yield database.dal
        finally:
            database.release()
            database.close()
        return
    with warnings.catch_warnings():
        # PyDAL calls its drivers in ways they deprecate; who checks a project cannot mend that.
        warnings.simplefilter("ignore", DeprecationWarning)
        db = pydal.DAL(_write_uri(url, adapter), migrate=False, migrate_enabled=False, attempts=1)
        try:
            yield db
        finally:
            db.rollback()
            db.close()


def settle(db: Any) -> None:
    """End what a stock adapter left open, so that it sees what others wrote since."""
    if not getattr(db._adapter, "bilayer_native", False):
        db.commit()


def abandon(db: Any) -> None:
    """Leave a transaction in which a statement failed."""
    if not getattr(db._adapter, "bilayer_native", False):
        db.rollback()


def _write_uri(url: sa.URL, adapter: str) -> str:
    """Write PyDAL's own kind of URI."""
    if adapter == "sqlite":
        return f"sqlite://{url.database}"
    user = quote(url.username or "", safe="")
    password = f":{quote(url.password, safe='')}" if url.password else ""
    port = f":{url.port}" if url.port else ""
    options = "?set_encoding=utf8mb4" if adapter == "mysql" else ""
    return f"{adapter}://{user}{password}@{url.host or 'localhost'}{port}/{url.database}{options}"
