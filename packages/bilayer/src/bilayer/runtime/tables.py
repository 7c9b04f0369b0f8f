"""PyDAL's tables, without what changes values, and with keys of any type.

They keep PyDAL's interface and add ``insert_many``, ``upsert``, and inserts that give back their
rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from bilayer.runtime.adapters.statements import all_equal
from bilayer.runtime.defaults import assignments, changes, complete
from bilayer.runtime.errors import InvalidValue, TransactionMisuse
from bilayer.runtime.pydal_compat import DEFAULT, Query, Table
from bilayer.runtime.subscribers import Row

_FIELD_FILTERS: Final = ("_todate", "_totime", "_todatetime")


class NativeTable(Table):  # type: ignore[misc]
    """A table with keys of any type."""

    def __init__(self, db: Any, tablename: str, *fields: Any, **options: Any) -> None:
        super().__init__(db, tablename, *fields, **options)
        # PyDAL's hooks for uploaded files look at every row of every update and delete.
        self._before_insert: list[Any] = []
        self._before_update: list[Any] = []
        self._before_delete: list[Any] = []
        self._column_sets: dict[tuple[str, ...], Any] = {}
        for field in self:
            if getattr(field.filter_in, "__name__", "") in _FIELD_FILTERS:
                field.filter_in = None
            # A reference may name a table yet to come; unknown types are refused now.
            if not str(field.type).startswith("reference "):
                db._adapter.codec(field.type)

    def __call__(self, key: Any = DEFAULT, **values: Any) -> Any:
        """Give the row with this key or these values, None if there is none."""
        if key is DEFAULT or isinstance(key, Query):
            return super().__call__(key, **values)
        return None if key is None else super().__call__(self._key_query(key), **values)

    def __getitem__(self, key: Any) -> Any:
        """Give a field by its name, or a row by its key; never a method."""
        if isinstance(key, str) and (key in self.fields or key in ("id", "_id", "ALL")):
            return getattr(self, key)
        return self(key)

    def _key_query(self, key: Any) -> Query:
        columns = self._db._adapter.key_columns(self)
        given = key if isinstance(key, Mapping) else {columns[0].name: key}
        if set(given) != {column.name for column in columns}:
            raise InvalidValue(
                f"the key is {', '.join(column.name for column in columns)}", self._tablename
            )
        adapter = self._db._adapter
        query: Query = adapter.keys_query(self, [[given[column.name] for column in columns]])
        return query

    def with_alias(self, alias: str) -> Any:
        """Give the table under another name; its columns are told apart from the table's own."""
        other = super().with_alias(alias)
        if other._column_sets is self._column_sets:  # a copy that has just been made
            other._column_sets = {}
        return other

    def _filter_fields_for_operation(self, fields: Mapping[str, Any]) -> Any:
        for name, value in fields.items():
            if name not in self.fields:
                raise InvalidValue("no such column", self._tablename, str(name))
            if callable(value):  # PyDAL would call it
                raise InvalidValue("a value is needed, not a function", self._tablename, name)
        return super()._filter_fields_for_operation(fields)

    def insert(self, **values: Any) -> Any:
        """Insert a row; returns its key, as a dict where that has several columns.

        Raises:
            InvalidValue: A value does not fit; nothing was inserted.
        """
        if self._before_insert or self._after_insert:
            return super().insert(**values)
        return self._db._adapter.pipeline.insert(self, assignments(self, values))

    def insert_returning(self, **values: Any) -> Row:
        """Insert a row like ``insert``; returns it as it is stored."""
        row: Row = self._db._adapter.pipeline.insert_returning(self, assignments(self, values))
        return row

    def insert_ahead(self, **values: Any) -> Row:
        """Insert a row like ``insert_returning``, and do not wait until it is stored.

        Inside a transaction it may go with the next statement, at the latest with COMMIT, which
        raises what is wrong. A row of which the database makes a column is waited for.
        """
        fields = assignments(self, values)
        row: Row = self._db._adapter.pipeline.insert_returning(self, fields, is_awaited=False)
        return row

    def insert_many(self, rows: Iterable[Mapping[str, Any]], *, is_awaited: bool = True) -> int:
        """Insert rows, all or none, with as few statements as the engine allows.

        Args:
            rows: Their columns; each row has the same.
            is_awaited: False: inside a transaction they may go with the next statement, at the
                latest with COMMIT, which raises what is wrong. PostgreSQL saves a round trip.

        Returns:
            How many rows were inserted.

        Raises:
            InvalidValue: A value does not fit; nothing was inserted.
        """
        items = complete(self, [dict(row) for row in rows])  # PyDAL's rows have no length
        return int(self._db._adapter.pipeline.insert_many(self, items, is_awaited=is_awaited))

    def upsert(
        self,
        values: Mapping[str, Any],
        *,
        conflict: Sequence[str],
        update: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert a row, or update the one with the same key, atomically.

        Args:
            values: The row to insert.
            conflict: The columns of the primary or a unique key that decide.
            update: What to change in a row that exists, expressions included; all of ``values``
                outside the two keys if None; nothing if empty.

        Raises:
            InvalidValue: ``conflict`` is empty, or names a column without a value.
            UniqueViolation: Another row has another key of ``values``. If the named key and that
                one belong to two rows, MariaDB raises too; the others change the named one.
            UnsupportedDefinition: On MariaDB, ``conflict`` is no unique key, or ``update`` sets all
                columns of the table, which leaves none to tell the named row by.
        """
        given = dict(values)
        if not conflict or any(name not in given or name not in self.fields for name in conflict):
            raise InvalidValue("conflict names key columns that values gives", self._tablename)
        if any(given[name] is None for name in conflict):
            raise InvalidValue("NULL is in no key, so nothing conflicts", self._tablename)
        if update is None:
            keys = {*conflict, *(c.name for c in self._db._adapter.key_columns(self))}
            update = {name: value for name, value in given.items() if name not in keys}
        fields = assignments(self, given)
        changed = changes(self, update) if update else None
        columns = [self[name] for name in conflict]
        self._db._adapter.pipeline.upsert(self, fields, columns, changed)

    def update_or_insert(self, _key: Any = DEFAULT, **values: Any) -> Any:
        """Update the rows of a key or insert one; ``upsert`` is the atomic way.

        Returns:
            The key of an inserted row, None if rows were updated.
        """
        query = self._query_for(values if _key is DEFAULT else _key)
        with self._db.transaction():
            return None if self._db(query).update(**values) else self.insert(**values)

    def _query_for(self, key: Any) -> Query:
        if isinstance(key, Query):
            return key
        if isinstance(key, Mapping):
            return all_equal([self[name] for name in key], key)
        return self._key_query(key)

    def truncate(self, mode: str = "") -> NoReturn:
        """Refuse: use ``delete()``, which subscribers see."""
        del mode
        _refuse_schema_change("truncate")

    def drop(self, mode: str = "") -> NoReturn:
        """Refuse: migrations own the schema."""
        del mode
        _refuse_schema_change("drop")

    def create_index(self, name: str, *fields: Any, **options: Any) -> NoReturn:
        """Refuse: migrations own the schema."""
        del name, fields, options
        _refuse_schema_change("create_index")

    def drop_index(self, name: str, if_exists: bool = False) -> NoReturn:  # noqa: FBT001, FBT002
        """Refuse: migrations own the schema."""
        del name, if_exists
        _refuse_schema_change("drop_index")


def _refuse_schema_change(word: str) -> NoReturn:
    raise TransactionMisuse(f"{word}() would bypass the migrations or the write pipeline")
