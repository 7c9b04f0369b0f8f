"""The DAL of the runtime: PyDAL's, on a schema that migrations own."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from bilayer.runtime.errors import ReadOnly, TransactionMisuse, UnsupportedDefinition
from bilayer.runtime.pydal_compat import PyDAL, PyDALField, RecordDeleter
from bilayer.runtime.rows import NativeRow, NativeRows, StrictUpdater
from bilayer.runtime.sets import NativeSet
from bilayer.runtime.tables import NativeTable
from bilayer.runtime.transaction import Isolation, Transaction


class DAL(PyDAL):  # type: ignore[misc]
    """A PyDAL database that reads and writes a schema others made.

    Made by ``Database.connect``; PyDAL's migrations are off for good.
    """

    Row = NativeRow
    Rows = NativeRows
    record_operators: ClassVar[dict[str, Any]] = {
        "update_record": StrictUpdater,
        "delete_record": RecordDeleter,
    }

    def define_table(self, tablename: str, *fields: Any, **options: Any) -> Any:
        """Define a table that exists already.

        Raises:
            UnsupportedDefinition: A migration or a common filter is asked for, a type is unknown,
                or an ``id`` that is no integer lacks ``primarykey``.
        """
        if options.get("migrate"):
            raise UnsupportedDefinition(f"{tablename}: migrate=True; Alembic owns the schema")
        for field in fields:
            own_id = isinstance(field, PyDALField) and field.name == "id" and field.type != "id"
            if own_id and not options.get("primarykey"):
                raise UnsupportedDefinition(f"{tablename}.id is no integer: give primarykey=['id']")
        if options.get("common_filter"):
            raise UnsupportedDefinition(f"{tablename}: common_filter would hide rows from writes")
        options = {"table_class": NativeTable, **options, "migrate": False}
        return super().define_table(tablename, *fields, **options)

    def where(self, query: Any = None, ignore_common_filters: Any = None) -> NativeSet:
        """Give the set of rows of a query, a table or a field that is not null."""
        found = super().where(query, ignore_common_filters)
        return NativeSet(self, found.query)

    def keyed(self, table: Any, keys: Sequence[Sequence[Any]]) -> NativeSet:
        """Give the set of the rows of a table that have these primary keys, a few hundred."""
        return self.where(self._adapter.keys_query(table, keys))

    def transaction(
        self, isolation: Isolation | None = None, *, readonly: bool = False
    ) -> Transaction:
        """Open a transaction, or a savepoint inside one; see ``Transaction``."""
        return Transaction(self._adapter, isolation, readonly=readonly)

    @contextmanager
    def single_transaction(self) -> Iterator[DAL]:
        """Run a block in a transaction; errors are raised, which PyDAL's own swallows."""
        with self.transaction():
            yield self

    @property
    def memory(self) -> MutableMapping[Any, Any]:
        """What the calling thread's transaction keeps until it ends; shared by everybody in it.

        A savepoint that is rolled back takes with it what was put here since it was set.

        Raises:
            TransactionMisuse: Outside ``transaction()``.
        """
        blocks = self._adapter.session.blocks
        if not blocks:
            raise TransactionMisuse("only a transaction has a memory")
        if len(blocks) == 1:
            memory: dict[Any, Any] = blocks[0].memory
            return memory
        return ChainMap(*(block.memory for block in reversed(blocks)))

    def lock_rows(
        self,
        query: Any,
        *fields: Any,
        orderby: Any = None,
        limitby: tuple[int, int] | None = None,
        skip_locked: bool = False,
        nowait: bool = False,
    ) -> list[dict[str, Any]]:
        """Read rows of one table and lock them until the transaction ends.

        On SQLite a writing transaction holds the only write lock, so no row can be locked by
        somebody else and both options have nothing to do.

        Args:
            query: The rows.
            *fields: What to read of them; all columns if none.
            orderby: The order in which they are locked; the same everywhere avoids deadlocks.
            limitby: Lock only the rows from the first to before the last position.
            skip_locked: Leave out rows that somebody else has locked.
            nowait: Raise ``LockTimeout`` at once instead of waiting for them.

        Raises:
            TransactionMisuse: Outside ``transaction()``, or both options are given.
            ReadOnly: The transaction is read only.
        """
        session = self._adapter.session
        if not session.depth or (skip_locked and nowait):
            raise TransactionMisuse(
                "lock_rows() needs transaction(), and at most one of its options"
            )
        if session.readonly:
            raise ReadOnly("a read-only transaction cannot lock rows")
        locked: list[dict[str, Any]] = self._adapter.lock(
            query,
            fields,
            "SKIP LOCKED" if skip_locked else "NOWAIT" if nowait else "",
            {"orderby": orderby, "limitby": limitby},
        )
        return locked

    def executesql(self, query: str, *arguments: Any, **options: Any) -> Any:
        """Run a statement as it is written. Nobody knows what it does, so it is never sent twice.

        Args:
            query: The statement, with the driver's placeholders.
            *arguments: Their values first, then PyDAL's ``as_dict`` and so on.
            **options: The same by name.
        """
        self._adapter.settle()
        return super().executesql(query, *arguments, **options)

    def commit(self) -> None:
        """Do nothing outside a transaction, where every statement has committed itself.

        Raises:
            TransactionMisuse: Inside ``transaction()``.
        """
        self._adapter.commit()

    def rollback(self) -> None:
        """Do nothing outside a transaction.

        Raises:
            TransactionMisuse: Inside ``transaction()``.
        """
        self._adapter.rollback()

    def close(self) -> None:
        """Give this thread's connection back; PyDAL's own would commit."""
        self._adapter.release()

    def __repr__(self) -> str:
        return f"<DAL {self._adapter.dbengine}>"
