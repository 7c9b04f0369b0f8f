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
    ConnectionLost,
    ConstraintViolation,
    DatabaseError,
    Deadlock,
    ForeignKeyViolation,
    InvalidValue,
    LockTimeout,
    NotNullViolation,
    OutcomeUnknown,
    PoolTimeout,
    RawSQLRefused,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
    TransactionAborted,
    TransactionMisuse,
    UniqueViolation,
    UnsafeSettings,
    UnsupportedDefinition,
)
from bilayer.runtime.json_ops import json_contains, json_merge, json_text
from bilayer.runtime.prepared import Param, Prepared, prepared, select, update
from bilayer.runtime.subscribers import Change, Subscriber, Timestamps
from bilayer.runtime.tables import Field
from bilayer.runtime.transaction import Isolation, Transaction

__all__ = [
    "DAL",
    "JSON_NULL",
    "Change",
    "CheckViolation",
    "ConnectionLost",
    "ConstraintViolation",
    "Database",
    "DatabaseError",
    "Deadlock",
    "Field",
    "ForeignKeyViolation",
    "InvalidValue",
    "Isolation",
    "LockTimeout",
    "NotNullViolation",
    "OutcomeUnknown",
    "Param",
    "PoolTimeout",
    "Prepared",
    "RawSQLRefused",
    "ReadOnly",
    "SerializationFailure",
    "StatementTimeout",
    "Subscriber",
    "Timestamps",
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
