"""The only module that imports PyDAL's private names, on both of its layouts.

PyDAL has two release lines: the calendar versions (up to 20260520.0) and 3.x, where adapters and
dialects moved. Everything else of the runtime imports PyDAL through here.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from pydal import DAL as PyDAL  # noqa: N811 - it is a class
from pydal.helpers.classes import RecordDeleter, RecordUpdater
from pydal.objects import (
    DEFAULT,
    Expression,
    LazySet,
    Query,
    Reference,
    Row,
    Rows,
    Select,
    Set,
    Table,
)
from pydal.objects import Field as PyDALField
from pydal.validators import IS_IN_SET

from bilayer.errors import BilayerError

if TYPE_CHECKING:
    # PyDAL ships no types; for the type checker its classes are Any on both layouts.
    SQLAdapter: Any
    SQLDialect: Any
    SQLiteDialect: Any
    MySQLDialect: Any
    adapters: Any
    dialects: Any
elif importlib.util.find_spec("pydal.backend_base"):
    from pydal.backend_base import SQLAdapter, SQLDialect, adapters, dialects
    from pydal.backends.mysql import MySQLDialect
    from pydal.backends.sqlite import SQLiteDialect
elif importlib.util.find_spec("pydal.adapters"):
    from pydal.adapters import adapters
    from pydal.adapters.base import SQLAdapter
    from pydal.dialects import dialects
    from pydal.dialects.base import SQLDialect
    from pydal.dialects.mysql import MySQLDialect
    from pydal.dialects.sqlite import SQLiteDialect
else:
    _message = "this version of PyDAL has an unknown layout; install pydal==20260520.0"
    raise BilayerError(_message)

__all__ = [
    "DEFAULT",
    "IS_IN_SET",
    "Expression",
    "LazySet",
    "MySQLDialect",
    "PyDAL",
    "PyDALField",
    "Query",
    "RecordDeleter",
    "RecordUpdater",
    "Reference",
    "Row",
    "Rows",
    "SQLAdapter",
    "SQLDialect",
    "SQLiteDialect",
    "Select",
    "Set",
    "Table",
    "adapters",
    "dialects",
    "forget_instance",
]


def forget_instance(db: PyDAL) -> None:
    """Remove a DAL from PyDAL's per-thread list of instances, which would keep it for ever."""
    from pydal._globals import THREAD_LOCAL  # noqa: PLC0415 - the one private global we touch

    groups = getattr(THREAD_LOCAL, "_pydal_db_instances_", {})
    group = groups.get(db._db_uid)
    if group and db in group:
        group.remove(db)
        if not group:
            del groups[db._db_uid]
