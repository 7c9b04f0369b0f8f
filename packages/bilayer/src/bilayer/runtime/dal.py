"""PyDAL's classes as the runtime uses them: the DAL, its tables, sets, fields and rows.

They keep PyDAL's interface. What would change values, lose them, or touch the schema is replaced
or refused; a few methods are added: ``dicts``, ``one``, ``insert_many``, ``upsert``, ``lock_rows``.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from bilayer.runtime.errors import (
    InvalidValue,
    ReadOnly,
    TransactionMisuse,
    UnsupportedDefinition,
)
from bilayer.runtime.pydal_compat import (
    DEFAULT,
    LazySet,
    PyDAL,
    PyDALField,
    Query,
    Reference,
    Row,
    Rows,
    Select,
    Set,
    Table,
)
from bilayer.runtime.transaction import Isolation, Transaction
from bilayer.runtime.writes import Row as RowDict

_FIELD_FILTERS: Final = ("_todate", "_totime", "_todatetime")


class Field(PyDALField):  # type: ignore[misc] # PyDAL's classes are untyped
    """A PyDAL field without PyDAL's silent conversions.

    Validators are off unless given (``requires``), and dates and times pass as they are: PyDAL's
    default filter would cut a datetime to whole seconds without its zone.
    """

    def __init__(self, fieldname: str, type: str = "string", **options: Any) -> None:  # noqa: A002 - PyDAL's name
        options.setdefault("requires", None)
        super().__init__(fieldname, type, **options)

    def belongs(self, *value: Any, **options: Any) -> Query:
        """Make the query ``IN``; unlike PyDAL's it does not sort, so that any type will do."""
        values = value[0] if len(value) == 1 else value
        if isinstance(values, str | Query | Select):
            return super().belongs(*value, **options)
        if not isinstance(values, Iterable):
            reason = "belongs() takes several values"
            raise InvalidValue(reason)
        return Query(self.db, self._dialect.belongs, self, list(values))


class NativeRow(Row):  # type: ignore[misc]
    """A row whose conversions lose nothing."""

    def as_dict(
        self,
        datetime_to_str: bool = False,  # noqa: FBT001, FBT002 - PyDAL's signature
        custom_types: Any = None,  # noqa: ARG002
    ) -> RowDict:
        """Give all values of the row, with their types; PyDAL would drop UUIDs and bytes."""
        found: RowDict = {}
        for key, value in self.items():
            if isinstance(value, Row):
                found[key] = value.as_dict(datetime_to_str)
            elif isinstance(value, Reference):
                found[key] = int(value)
            elif not callable(value) and not isinstance(value, LazySet):
                temporal = isinstance(value, dt.date | dt.time)
                found[key] = value.isoformat() if datetime_to_str and temporal else value
        return found

    def as_json(self, mode: str = "object", default: Any = None, **_options: Any) -> str:
        """Write the row as JSON; decimals and UUIDs as text, bytes in base64."""
        del mode
        return json.dumps(self.as_dict(), default=default or json_value)


class NativeRows(Rows):  # type: ignore[misc]
    """Rows whose JSON loses nothing."""

    def as_json(self, mode: str = "object", default: Any = None) -> str:
        """Write the rows as a JSON array; see ``NativeRow.as_json``."""
        del mode
        return json.dumps(self.as_list(), default=default or json_value)


def json_value(value: Any) -> str:
    """Spell a value JSON has no word for.

    Raises:
        TypeError: There is no agreed spelling.
    """
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)


class NativeSet(Set):  # type: ignore[misc]
    """The rows of a query."""

    def where(self, query: Any, ignore_common_filters: bool = False) -> NativeSet:  # noqa: FBT001, FBT002
        """Narrow the set; text is refused when it is rendered."""
        narrowed = super().where(query, ignore_common_filters)
        return NativeSet(self.db, narrowed.query)

    def dicts(self, *fields: Any, **attributes: Any) -> list[RowDict]:
        """Select as plain dicts with typed values: the way to read.

        Args:
            *fields: Columns, tables' ``ALL`` or named expressions; all columns if none.
            **attributes: PyDAL's: ``orderby``, ``limitby``, ``left``, ``join``, ``groupby``, ...
        """
        rows: list[RowDict] = self.db._adapter.dicts(self.query, fields, attributes)
        return rows

    def one(self, *fields: Any, **attributes: Any) -> RowDict | None:
        """Select the first row as a dict, None if there is none."""
        attributes.setdefault("orderby_on_limitby", False)
        rows = self.dicts(*fields, limitby=(0, 1), **attributes)
        return rows[0] if rows else None

    def isempty(self) -> bool:
        """Tell whether there is no row, without reading its columns."""
        adapter = self.db._adapter
        table = next(iter(adapter.tables(self.query).values()))
        return self.one(adapter.key_columns(table)[0]) is None

    def count(self, distinct: Any = None, cache: Any = None) -> int:
        """Count the rows; PyDAL's cached counts share one key and are refused."""
        if cache is not None:
            message = "count(cache=) gives other queries' counts; cache the number yourself"
            raise UnsupportedDefinition(message)
        return int(super().count(distinct))


class NativeTable(Table):  # type: ignore[misc]
    """A table with keys of any type."""

    def __init__(self, db: Any, tablename: str, *fields: Any, **options: Any) -> None:
        super().__init__(db, tablename, *fields, **options)
        # PyDAL's hooks for uploaded files look at every row of every update and delete.
        self._before_insert, self._before_update, self._before_delete = [], [], []
        for field in self:
            if getattr(field.filter_in, "__name__", "") in _FIELD_FILTERS:
                field.filter_in = None
            if not field.type.startswith("reference"):  # may refer to a table yet to come
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
            reason = f"the key is {', '.join(column.name for column in columns)}"
            raise InvalidValue(reason, self._tablename)
        adapter = self._db._adapter
        query: Query = adapter.keys_query(self, [[given[column.name] for column in columns]])
        return query

    def _filter_fields_for_operation(self, fields: Mapping[str, Any]) -> Any:
        unknown = [name for name in fields if name not in self.fields]
        if unknown:
            reason = "no such column"
            raise InvalidValue(reason, self._tablename, str(unknown[0]))
        return super()._filter_fields_for_operation(fields)

    def insert_many(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert rows, all or none, with as few statements as the engine allows.

        Returns:
            How many rows were inserted.

        Raises:
            InvalidValue: A value does not fit; nothing was inserted.
        """
        items = [self._fields_and_values_for_insert(dict(row)).op_values() for row in rows]
        inserted: int = self._db._adapter.bulk_insert(self, items)
        return inserted

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
                outside the key if None; nothing if empty.
        """
        given = dict(values)
        if update is None:
            update = {name: value for name, value in given.items() if name not in conflict}
        fields = self._fields_and_values_for_insert(given).op_values()
        changes = self._fields_and_values_for_update(dict(update)).op_values() if update else None
        columns = [self[name] for name in conflict]
        self._db._adapter.pipeline.upsert(self, fields, columns, changes)

    def update_or_insert(self, _key: Any = DEFAULT, **values: Any) -> Any:
        """Update the rows of a key or insert one; ``upsert`` is the atomic way.

        Returns:
            The key of an inserted row, None if rows were updated.
        """
        found = values if _key is DEFAULT else _key
        query = found if isinstance(found, Query) else _all_equal(self, found)
        with self._db.transaction():
            return None if self._db(query).update(**values) else self.insert(**values)

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


def _all_equal(table: Any, values: Any) -> Any:
    if not isinstance(values, Mapping):
        return table._key_query(values)
    first, *others = (table[name] == value for name, value in values.items())
    for other in others:
        first &= other
    return first


def _refuse_schema_change(word: str) -> NoReturn:
    message = f"{word}() would bypass the migrations or the write pipeline"
    raise TransactionMisuse(message)


class DAL(PyDAL):  # type: ignore[misc]
    """A PyDAL database that reads and writes a schema others made.

    Made by ``Database.connect``; PyDAL's migrations are off for good.
    """

    Row = NativeRow
    Rows = NativeRows

    def define_table(self, tablename: str, *fields: Any, **options: Any) -> Any:
        """Define a table that exists already.

        Raises:
            UnsupportedDefinition: A migration is asked for, a type is unknown, or an ``id`` that
                is no integer lacks ``primarykey``.
        """
        if options.get("migrate"):
            message = f"{tablename}: migrate=True; Alembic owns the schema"
            raise UnsupportedDefinition(message)
        for field in fields:
            own_id = isinstance(field, PyDALField) and field.name == "id" and field.type != "id"
            if own_id and not options.get("primarykey"):
                message = f"{tablename}.id is no integer: give primarykey=['id']"
                raise UnsupportedDefinition(message)
        options.setdefault("table_class", NativeTable)
        return super().define_table(tablename, *fields, migrate=False, **options)

    def where(self, query: Any = None, ignore_common_filters: Any = None) -> NativeSet:
        """Give the set of rows of a query, a table or a field that is not null."""
        found = super().where(query, ignore_common_filters)
        return NativeSet(self, found.query)

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

    def lock_rows(
        self, query: Any, *, skip_locked: bool = False, nowait: bool = False
    ) -> list[RowDict]:
        """Read rows of one table and lock them until the transaction ends.

        On SQLite a writing transaction holds the only write lock, so no row can be locked by
        somebody else and both options have nothing to do.

        Args:
            query: The rows.
            skip_locked: Leave out rows that somebody else has locked.
            nowait: Raise ``LockTimeout`` at once instead of waiting for them.

        Raises:
            TransactionMisuse: Outside ``transaction()``, or both options are given.
            ReadOnly: The transaction is read only.
        """
        session = self._adapter.session
        if not session.depth or (skip_locked and nowait):
            message = "lock_rows() needs transaction(), and at most one of its options"
            raise TransactionMisuse(message)
        if session.readonly:
            message = "a read-only transaction cannot lock rows"
            raise ReadOnly(message)
        table = self._adapter.get_table(query)
        how = "skip_locked" if skip_locked else "nowait" if nowait else True
        rows: list[RowDict] = self._adapter.dicts(query, [table.ALL], {"for_update": how})
        return rows

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
