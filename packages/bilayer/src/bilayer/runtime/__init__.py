"""PyDAL on a schema that SQLAlchemy made: safe, exact and fast.

database = Database.connect("postgresql://user@host/name")
db = database.dal
db.define_table("users", Field("id", "uuid"), Field("email", length=254), primarykey=["id"])
with database.transaction():
    db.users.insert(id=new_id, email="ada@example.org")
"""

from bilayer.runtime.codecs import JSON_NULL
from bilayer.runtime.dal import DAL
from bilayer.runtime.database import Database
from bilayer.runtime.errors import (
    CheckViolation,
    CircuitOpen,
    ConnectionLost,
    ConstraintViolation,
    DatabaseError,
    DeadlineExceeded,
    Deadlock,
    ForeignKeyViolation,
    InvalidValue,
    LockTimeout,
    NotNullViolation,
    OutcomeUnknown,
    OutOfMemory,
    PermissionDenied,
    PoolTimeout,
    RawSQLRefused,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
    StorageFailure,
    StorageFull,
    TooManyConnections,
    TransactionAborted,
    TransactionMisuse,
    UniqueViolation,
    UnsafeSettings,
    UnsupportedDefinition,
)
from bilayer.runtime.fields import Field
from bilayer.runtime.guard import Guard
from bilayer.runtime.json_ops import json_contains, json_merge, json_text
from bilayer.runtime.prepared import Param, Prepared, prepared, select, update
from bilayer.runtime.pydal_compat import IS_IN_SET
from bilayer.runtime.subscribers import Change, Subscriber, Timestamps
from bilayer.runtime.transaction import Isolation, Transaction

__all__ = [
    "DAL",
    "IS_IN_SET",
    "JSON_NULL",
    "Change",
    "CheckViolation",
    "CircuitOpen",
    "ConnectionLost",
    "ConstraintViolation",
    "Database",
    "DatabaseError",
    "DeadlineExceeded",
    "Deadlock",
    "Field",
    "ForeignKeyViolation",
    "Guard",
    "InvalidValue",
    "Isolation",
    "LockTimeout",
    "NotNullViolation",
    "OutOfMemory",
    "OutcomeUnknown",
    "Param",
    "PermissionDenied",
    "PoolTimeout",
    "Prepared",
    "RawSQLRefused",
    "ReadOnly",
    "SerializationFailure",
    "StatementTimeout",
    "StorageFailure",
    "StorageFull",
    "Subscriber",
    "Timestamps",
    "TooManyConnections",
    "Transaction",
    "TransactionAborted",
    "TransactionMisuse",
    "UniqueViolation",
    "UnsafeSettings",
    "UnsupportedDefinition",
    "json_contains",
    "json_merge",
    "json_text",
    "prepared",
    "select",
    "update",
]
