"""SQLite's file where nobody can write it: on a read-only disk, reading goes on.

A database in WAL mode needs two files beside it, which cannot be made there. Without them SQLite
opens it only as a file that never changes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

_IMMUTABLE: Final = "immutable"


def read_unwritable_files(engine: sa.Engine) -> None:
    """Let the connections of an engine read where nobody can write."""

    @event.listens_for(engine, "do_connect")
    def _connect(
        _dialect: Any, record: Any, arguments: Sequence[Any], options: dict[str, Any]
    ) -> Any:
        path = str(arguments[0])
        record.info[_IMMUTABLE] = is_immutable(path)
        if not record.info[_IMMUTABLE]:
            return None
        address = f"file:{quote(path)}?mode=ro&immutable=1"
        return sqlite3.connect(address, *arguments[1:], **options | {"uri": True})

    @event.listens_for(engine, "checkout")
    def _check(_connection: Any, record: Any, _fairy: Any) -> None:
        """Part with a connection that would not notice what others write from now on."""
        if record.info.get(_IMMUTABLE) and not is_immutable(str(engine.url.database)):
            raise sa.exc.DisconnectionError


def is_immutable(path: str) -> bool:
    """Tell whether a database can be read, and by nobody be written."""
    folder = os.path.dirname(path) or "."  # noqa: PTH120 - on each checkout there
    return (
        os.path.exists(path)  # noqa: PTH110 - likewise
        and not os.access(path, os.W_OK)
        and not os.access(folder, os.W_OK)
        and not os.path.exists(f"{path}-wal")  # noqa: PTH110 - what it holds would not be seen
    )
