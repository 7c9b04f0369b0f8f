"""What the database says of itself, within the deadlines of every other statement."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.dal.connection import get_database, get_db
from bilayer.runtime import Database, DatabaseError

_NO_SUCH_TABLE: Final = ("SQLITE_ERROR", "42P01", "1146")
_IS_READ_ONLY: Final = {
    "sqlite": "PRAGMA query_only",
    "postgresql": "SELECT current_setting('transaction_read_only') = 'on'",
    "mysql": "SELECT @@GLOBAL.read_only",
}


def list_revisions(database: Database | None = None) -> list[str]:
    """Return the revisions a database is at; none if it was never migrated.

    Args:
        database: The one of this process if None.

    Raises:
        DatabaseError: It does not answer.
    """
    try:
        dal = (database or get_database()).dal
        rows = dal.executesql("SELECT version_num FROM alembic_version ORDER BY 1")
    except DatabaseError as error:
        if error.code in _NO_SUCH_TABLE:
            return []
        raise
    return [revision for (revision,) in rows]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, as the runtime layer defines it.

    Attributes:
        name: Its name.
        type: In the words of PyDAL: ``uuid``, ``datetime``, ``json``, ``double``, ``string``, ...
        default: What a new row has that does not name it.
        is_required: It is never NULL.
    """

    name: str
    type: str
    default: Any
    is_required: bool


def list_columns(table: str) -> list[Column]:
    """Return the columns of a table; asks nobody."""
    fields = (get_db()[table][name] for name in get_db()[table].fields)
    return [Column(each.name, each.type, each.default, each.notnull) for each in fields]


def is_read_only() -> bool:
    """Tell whether the database takes no writes at the moment.

    Raises:
        DatabaseError: It does not answer.
    """
    if get_database().engine_name == "sqlite" and not _is_writable():
        return True
    ((answer,),) = get_db().executesql(_IS_READ_ONLY[get_database().engine_name])
    return bool(answer)


def _is_writable() -> bool:
    """Ask the disk, which SQLite does not do before it writes."""
    file = Path(str(get_database().engine.url.database))
    return not file.exists() or os.access(file, os.W_OK)
