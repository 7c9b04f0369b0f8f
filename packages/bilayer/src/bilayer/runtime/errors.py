"""The errors of the runtime: one small tree for three drivers.

No message holds a value, because messages end up in logs. The driver's own error is not chained
for the same reason; its stable code is kept in ``DatabaseError.code``.
"""

from __future__ import annotations

from bilayer.errors import BilayerError


class DatabaseError(BilayerError):
    """The database refused or failed a statement.

    Attributes:
        code: SQLSTATE, MariaDB error number or SQLite error name, as text; None if there is none.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class ConstraintViolation(DatabaseError):
    """A constraint of the schema forbids the row.

    Attributes:
        constraint: Its name, where the engine tells (MariaDB calls every primary key PRIMARY).
        table: Name of the table, where known.
        column: Name of the column, where it is a single one and known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        constraint: str | None = None,
        table: str | None = None,
        column: str | None = None,
    ) -> None:
        where = " ".join(
            f"{word} {name!r}"
            for word, name in (("constraint", constraint), ("table", table), ("column", column))
            if name
        )
        super().__init__(f"{message} ({where})" if where else message, code=code)
        self.constraint = constraint
        self.table = table
        self.column = column


class UniqueViolation(ConstraintViolation):
    """Another row has the same key."""


class ForeignKeyViolation(ConstraintViolation):
    """The row points to nothing, or others point to it."""


class CheckViolation(ConstraintViolation):
    """A CHECK constraint is false."""


class NotNullViolation(ConstraintViolation):
    """A required column has no value."""


class Deadlock(DatabaseError):
    """Two transactions wait for each other; this one was rolled back. Retry it as a whole."""


class SerializationFailure(DatabaseError):
    """The isolation level cannot be kept; the transaction failed. Retry it as a whole."""


class LockTimeout(DatabaseError):
    """A lock was not granted in time, or at once where ``nowait`` was asked."""


class StatementTimeout(DatabaseError):
    """The statement ran longer than allowed and was stopped."""


class DeadlineExceeded(StatementTimeout):
    """The time that the guard gives the caller is over: nothing was sent, or it was cut."""


class ConnectionLost(DatabaseError):
    """The server cannot be reached, closed the connection or did not answer in time."""


class CircuitOpen(ConnectionLost):
    """The guard does not let anybody ask a database that does not answer; nothing was sent.

    Attributes:
        retry_after: In how many seconds somebody may ask again.
    """

    def __init__(self, message: str, *, retry_after: float = 1.0, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class OutcomeUnknown(ConnectionLost):
    """The connection broke during COMMIT, or during a write that commits itself.

    It may have happened or not; only the database can tell, over another connection.
    """


class ReadOnly(DatabaseError):
    """The database, the server or the transaction accepts no writes."""


class PoolTimeout(DatabaseError):
    """No connection became free in time."""


class TooManyConnections(PoolTimeout):
    """The server is there, and has no connection left for this role."""


class OutOfMemory(DatabaseError):
    """The server had no memory left for the statement."""


class StorageFull(DatabaseError):
    """There is no room left on the disk of the database; reading may still work."""


class StorageFailure(DatabaseError):
    """The database could not read or write its own files, or found them damaged."""


class PermissionDenied(DatabaseError):
    """The role may not do this."""


class TransactionAborted(DatabaseError):
    """An earlier statement of this transaction failed, so it can only be rolled back."""


class TransactionMisuse(BilayerError, RuntimeError):
    """``commit()`` inside a transaction, locks outside of one, and the like."""


class UnsafeSettings(BilayerError):
    """A new connection does not have the settings on which exact values depend."""


class RawSQLRefused(BilayerError, TypeError):
    """Text was given where PyDAL would paste it into SQL; use fields and expressions."""


class UnsupportedDefinition(BilayerError, TypeError):
    """A table definition asks for something the runtime cannot keep exact."""


class InvalidValue(DatabaseError, ValueError):
    """A value does not fit its column; nothing was sent.

    Attributes:
        reason: What is wrong, without the value.
        table: Name of the table, None outside a column.
        column: Name of the column, None outside a column.
    """

    def __init__(self, reason: str, table: str | None = None, column: str | None = None) -> None:
        place = f"{table}.{column}: " if table and column else f"{table}: " if table else ""
        super().__init__(place + reason)
        self.reason = reason
        self.table = table
        self.column = column

    def at(self, table: str, column: str) -> InvalidValue:
        """Give the same error with its place."""
        return InvalidValue(self.reason, self.table or table, self.column or column)
