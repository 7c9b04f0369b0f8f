"""The adapter the three engines share: PyDAL's statements, guarded, and the write statements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from bilayer.runtime.adapters.inserts import Assignments
from bilayer.runtime.adapters.parts import Env, ReadingPlan, SQLText
from bilayer.runtime.adapters.statements import WriteStatements
from bilayer.runtime.conditions import pinned
from bilayer.runtime.errors import (
    InvalidValue,
    RawSQLRefused,
    TransactionMisuse,
    UnsupportedDefinition,
)
from bilayer.runtime.pydal_compat import Expression, PyDALField
from bilayer.runtime.subscribers import Row
from bilayer.runtime.writes import WritePipeline

_TEXT_REFUSED: Final = ("orderby", "groupby", "having", "distinct", "left", "join")


class NativeAdapter(WriteStatements):
    """PyDAL on a schema SQLAlchemy made.

    Attributes:
        bilayer_native: Tells the drift check how values are stored.
        locks_rows: The engine locks rows, not the whole database.
        pipeline: Every insert, update, delete and upsert passes it.
    """

    bilayer_native: ClassVar[bool] = True
    locks_rows: ClassVar[bool] = True
    pipeline: WritePipeline

    def _initialize_(self) -> None:
        super()._initialize_()
        self.pipeline = WritePipeline(self)
        # Here and not in the statements, which live as long as their modules.
        self.prepared: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self.execution_handlers: list[
            Any
        ] = []  # PyDAL's timing handler would keep statements with values

    # -- what each engine says for itself

    @abstractmethod
    def begin(self, isolation: str | None, readonly: bool) -> None:  # noqa: FBT001
        """Begin a transaction; a writing one holds SQLite's write lock from the start."""

    def commit_transaction(self) -> None:
        """Send COMMIT."""
        self.run("COMMIT")

    def rollback_transaction(self) -> None:
        """Send ROLLBACK."""
        self.run("ROLLBACK")

    def set_savepoint(self, name: str) -> None:
        """Begin a part of a transaction that can be undone."""
        self.run(f"SAVEPOINT {name}")

    def release_savepoint(self, name: str) -> None:
        """Keep what was done since a savepoint, and forget the savepoint."""
        self.run(f"RELEASE SAVEPOINT {name}")

    def rollback_to_savepoint(self, name: str) -> None:
        """Undo what was done since a savepoint, and forget the savepoint."""
        self.run(f"ROLLBACK TO SAVEPOINT {name}")
        self.run(f"RELEASE SAVEPOINT {name}")

    # -- PyDAL's own transaction calls

    def commit(self) -> None:
        """Do nothing outside a transaction, where every statement has committed itself.

        Raises:
            TransactionMisuse: Inside ``transaction()``, whose end is the only commit.
        """
        self._refuse_inside("commit")

    def rollback(self) -> None:
        """Do nothing outside a transaction.

        Raises:
            TransactionMisuse: Inside ``transaction()``; raise an exception to roll back.
        """
        self._refuse_inside("rollback")

    def _refuse_inside(self, word: str) -> None:
        if self.session.depth:
            raise TransactionMisuse(f"{word}() inside transaction(): leave the block instead")

    # -- reading

    def _expand(
        self,
        expression: Any,
        field_type: str | None = None,
        colnames: bool = False,  # noqa: FBT001, FBT002 - PyDAL's signature
        query_env: Env | None = None,
    ) -> SQLText:
        """Name a column at once, for it is most of what is rendered; the rest as ever."""
        if field_type is None and isinstance(expression, PyDALField):
            return SQLText(expression.longname if colnames else expression.sqlsafe)
        return super()._expand(expression, field_type, colnames, query_env)

    def expand_all(self, fields: Iterable[Any], tabledict: Mapping[str, Any]) -> list[Any]:
        """Resolve the columns of a select; text is refused."""
        fields = list(fields)
        if any(isinstance(field, str) for field in fields):
            raise RawSQLRefused("select() takes fields, not text")
        return list(super().expand_all(fields, tabledict))

    def _select_wcols(self, query: Any, fields: Any, **attributes: Any) -> Any:
        for name in _TEXT_REFUSED:
            given = attributes.get(name)
            parts = given if isinstance(given, list | tuple) else (given,)
            if any(isinstance(part, str) and part != "<random>" for part in parts):
                raise RawSQLRefused(f"{name} takes fields and expressions, not text")
        first, last = attributes.get("limitby") or (0, 0)
        if not 0 <= first <= last < 2**63:  # SQLite takes a negative limit for none
            raise InvalidValue("limitby is (first, last) with 0 <= first <= last")
        distinct = attributes.get("distinct")
        if isinstance(distinct, Expression):
            if self.dbengine != "postgres":
                raise UnsupportedDefinition("distinct on a column exists on PostgreSQL only")
            attributes["distinct"] = self.expand(distinct)
        return super()._select_wcols(query, fields, **attributes)

    def rows(self, sql: str, parameters: Any = None) -> list[Sequence[Any]]:
        """Run a reading statement with driver parameters and fetch everything."""
        self.run(sql, parameters)
        fetched: list[Sequence[Any]] = self.session.cursor.fetchall()
        return fetched

    def selection(
        self, query: Any, fields: Sequence[Any], attributes: dict[str, Any]
    ) -> tuple[str, ReadingPlan]:
        """Render a select, and the plan that reads its rows."""
        names = ("join", "left", "orderby", "groupby")
        tables = self.tables(query, *(attributes.get(name) for name in names))
        columns = self.expand_all(fields, tables)
        return self._select_wcols(query, columns, **attributes)[1], self.reading_plan(columns)

    def dicts(self, query: Any, fields: Sequence[Any], attributes: dict[str, Any]) -> list[Row]:
        """Select as plain dicts."""
        sql, plan = self.selection(query, fields, attributes)
        return plan.dicts(self.rows(*self.bind(sql)))

    def lock(
        self, query: Any, fields: Sequence[Any], mode: str, attributes: dict[str, Any]
    ) -> list[Row]:
        """Select rows of one table FOR UPDATE; ``mode`` is empty, SKIP LOCKED or NOWAIT."""
        chosen = {**attributes, "for_update": True}
        sql, plan = self.selection(query, fields or [self.get_table(query).ALL], chosen)
        suffix = f" {mode}" if mode and self.locks_rows else ""
        self.execute(sql.rstrip(";") + suffix)
        return plan.dicts(self.session.cursor.fetchall())

    # -- writing, as PyDAL calls it

    def insert(self, table: Any, fields: Sequence[tuple[Any, Any]]) -> Any:
        """Insert a row through the pipeline.

        Returns:
            The key: a plain value, or a dict where the key has several columns.
        """
        return self.pipeline.insert(table, _by_name(fields))

    def update(self, table: Any, query: Any, fields: Sequence[tuple[Any, Any]]) -> int:
        """Update rows through the pipeline; returns how many rows matched."""
        return self.pipeline.update(table, query, _by_name(fields))

    def update_returning(self, table: Any, query: Any, fields: Assignments) -> list[Row]:
        """Update rows through the pipeline; returns those that matched, as they are then."""
        return self.pipeline.update_returning(
            table,
            fields,
            condition=lambda: self.condition(table, query),
            images=lambda: self.dicts(query, [table.ALL], {"for_update": True}),
            pinned=pinned(query),
        )

    def delete(self, table: Any, query: Any) -> int:
        """Delete rows through the pipeline; the schema's foreign keys decide what follows."""
        return self.pipeline.delete(table, query)

    def bulk_insert(self, table: Any, items: Sequence[Sequence[tuple[Any, Any]]]) -> int:
        """Insert many rows through the pipeline; returns how many."""
        return self.pipeline.insert_many(table, list(map(_by_name, items)))


def _by_name(fields: Sequence[tuple[Any, Any]]) -> Row:
    return {field.name: value for field, value in fields}
