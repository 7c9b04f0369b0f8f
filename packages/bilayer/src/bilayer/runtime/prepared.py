"""Statements compiled once: PyDAL renders conditions and expressions a single time.

find_user = prepared(lambda db: select(db.users.id == Param("id"), db.users.ALL))
find_user.one(db, id=user_id)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from bilayer.runtime.adapters.inserts import Assignments
from bilayer.runtime.adapters.parts import Param, Rendered
from bilayer.runtime.adapters.statements import Condition
from bilayer.runtime.conditions import pinned
from bilayer.runtime.defaults import changes
from bilayer.runtime.errors import InvalidValue, UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, Query
from bilayer.runtime.subscribers import Row
from bilayer.runtime.templates import Template, make_template

__all__ = ["Param", "Prepared", "prepared", "select", "update"]

_Compiled = TypeVar("_Compiled", "_CompiledSelect", "_CompiledUpdate")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a prepared select reads; made by ``select``."""

    query: Any
    fields: Sequence[Any]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assigning:
    """What a prepared update writes; made by ``update``."""

    query: Any
    fields: Sequence[Any]
    values: dict[str, Any]


def select(query: Any, *fields: Any, **attributes: Any) -> Selection:
    """Describe a select for ``prepared``; the arguments of ``db(query).dicts``."""
    return Selection(query, fields, attributes)


def update(query: Any, *fields: Any, **values: Any) -> Assigning:
    """Describe an update for ``prepared``; the arguments of ``db(query).update``.

    ``fields`` are the columns of which ``changed`` tells; all if none are given.
    """
    return Assigning(query, fields, values)


class _CompiledSelect:
    def __init__(self, adapter: Any, description: Selection) -> None:
        sql, self._plan = adapter.selection(
            description.query, description.fields, dict(description.attributes)
        )
        self._template = make_template(adapter, sql)
        self.names = frozenset(name for name, _ in self._template.slots if name)

    def dicts(self, adapter: Any, values: Mapping[str, Any]) -> list[Row]:
        template = self._template
        rows = adapter.rows(template.sql, template.parameters(values))
        found: list[Row] = self._plan.dicts(rows)
        return found


def _value(given: Any, values: Mapping[str, Any]) -> Any:
    return values[given.name] if isinstance(given, Param) else given


class _CompiledUpdate:
    def __init__(self, adapter: Any, description: Assigning) -> None:
        self._table = adapter.get_table(description.query)
        for name in description.values:
            if name not in self._table.fields:
                raise InvalidValue("no such column", self._table._tablename, name)
        env = {"current_scope": [self._table._tablename]}
        self._where = make_template(adapter, adapter.expand(description.query, query_env=env))
        rows = _CompiledSelect(
            adapter, Selection(description.query, (self._table.ALL,), {"for_update": True})
        )
        self._images = rows.dicts
        self._pinned = pinned(description.query)
        self._values = dict(description.values)
        self._rendered = {
            name: make_template(adapter, adapter.placed(self._table[name], value, env))
            for name, value in description.values.items()
            if isinstance(value, Expression | Query)
        }
        assigned = {value.name for value in self._values.values() if isinstance(value, Param)}
        inside = {name for part in self._rendered.values() for name, _ in part.slots if name}
        self.names = rows.names | assigned | inside
        if any(getattr(field, "table", None) is not self._table for field in description.fields):
            raise InvalidValue("changed() tells of its columns alone", self._table._tablename)
        told = dict.fromkeys(field.name for field in description.fields)
        self._told = adapter.column_set(self._table, told or self._table.fields)
        self._whole = self._render_whole(adapter)

    def _render_whole(self, adapter: Any) -> Template | None:
        """Render the statement for a table in whose writes nobody takes part.

        None if PyDAL has something to add to the columns or to make of values, each time anew.
        """
        if any(field.update is not None or field.compute for field in self._table):
            return None
        if any(self._table[name].filter_in for name in self._values):
            return None
        parts: list[Template] = []
        for name, value in self._values.items():
            field = self._table[name]
            if name in self._rendered:
                part = self._rendered[name]
            else:
                encode = partial(adapter.encoded, field)
                slot = (value.name, encode) if isinstance(value, Param) else (None, encode(value))
                part = Template(adapter.mark_of(field.type), (slot,))
            parts.append(Template(f"{adapter.escape(field._rname)}={part.sql}", part.slots))
        assignments = Template.join(",", parts)
        sql = adapter.update_text(self._table, assignments.sql, f" WHERE {self._where.sql}")
        return Template(sql, assignments.slots + self._where.slots)

    def run(self, adapter: Any, values: Mapping[str, Any]) -> int:
        whole = self._whole
        if whole and adapter.pipeline.subscriptions.is_free(self._table):
            adapter.run(whole.sql, whole.parameters(values))
            return int(adapter.session.cursor.rowcount)
        update = adapter.pipeline.update_where
        return int(update(self._table, self._fields(values), **self._place(adapter, values)))

    def run_ahead(self, adapter: Any, values: Mapping[str, Any]) -> None:
        whole = self._whole
        if whole and adapter.pipeline.subscriptions.is_free(self._table):
            adapter.run_ahead(whole.sql, whole.parameters(values))
        else:
            self.run(adapter, values)

    def changed(self, adapter: Any, values: Mapping[str, Any]) -> list[Row]:
        whole = self._whole
        if (
            whole
            and adapter.returns_updates
            and adapter.pipeline.subscriptions.is_free(self._table)
        ):
            found: list[Row] = adapter.returned(self._told, whole.sql, whole.parameters(values))
            return found
        update = adapter.pipeline.update_returning
        rows: list[Row] = update(self._table, self._fields(values), **self._place(adapter, values))
        return [{name: row[name] for name in self._told.names} for row in rows]

    def _place(self, adapter: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """Say which rows, as the pipeline asks for it."""
        where = self._where
        return {
            "condition": lambda: Condition(f" WHERE {where.sql}", where.parameters(values)),
            "images": lambda: self._images(adapter, values),
            "pinned": {name: _value(pin, values) for name, pin in self._pinned.items()},
        }

    def _fields(self, values: Mapping[str, Any]) -> Assignments:
        given = {
            name: _value(value, values)
            for name, value in self._values.items()
            if name not in self._rendered
        }
        rendered = {
            name: Rendered(part.sql, part.parameters(values))
            for name, part in self._rendered.items()
        }
        return changes(self._table, given) | rendered


class Prepared:
    """A statement that is compiled at its first use on a database.

    Args:
        build: Gets the DAL, gives ``select(...)`` or ``update(...)`` with ``Param``s in it.
    """

    def __init__(self, build: Callable[[Any], Selection | Assigning]) -> None:
        self._build = build

    def dicts(self, db: Any, /, **values: Any) -> list[Row]:
        """Run a prepared select.

        Args:
            db: The DAL.
            **values: A value for each parameter; None is SQL NULL, which equals nothing.

        Raises:
            InvalidValue: A value does not fit the column its parameter is compared with, or a
                parameter is missing or unknown.
        """
        return self._for(db._adapter, _CompiledSelect, values).dicts(db._adapter, values)

    def one(self, db: Any, /, **values: Any) -> Row | None:
        """Run a prepared select and give its first row, None if there is none."""
        rows = self._for(db._adapter, _CompiledSelect, values).dicts(db._adapter, values)
        return rows[0] if rows else None

    def run(self, db: Any, /, **values: Any) -> int:
        """Run a prepared update through the write pipeline; returns how many rows matched."""
        return self._for(db._adapter, _CompiledUpdate, values).run(db._adapter, values)

    def run_ahead(self, db: Any, /, **values: Any) -> None:
        """Run a prepared update like ``run``, and do not wait to hear how many rows matched.

        Inside a transaction it may go with the next statement, at the latest with COMMIT, which
        raises what is wrong.
        """
        self._for(db._adapter, _CompiledUpdate, values).run_ahead(db._adapter, values)

    def changed(self, db: Any, /, **values: Any) -> list[Row]:
        """Run a prepared update like ``run``; tells of the rows that matched, as they are then.

        PostgreSQL and SQLite tell them with the update itself. Elsewhere they are read after it,
        and locked before it unless the condition holds the whole key of one row.

        Raises:
            InvalidValue: A value does not fit, or the update names a column of another table.
        """
        compiled = self._for(db._adapter, _CompiledUpdate, values)
        return compiled.changed(db._adapter, values)

    def _for(self, adapter: Any, kind: type[_Compiled], values: Mapping[str, Any]) -> _Compiled:
        compiled = adapter.prepared.get(self)
        if compiled is None:
            description = self._build(adapter.db)
            made = _CompiledSelect if isinstance(description, Selection) else _CompiledUpdate
            compiled = adapter.prepared[self] = made(adapter, description)  # type: ignore[arg-type] # the pair belongs together
        if not isinstance(compiled, kind):
            raise UnsupportedDefinition(
                "a select is read by dicts() or one(), an update is run by run() or changed()"
            )
        if compiled.names != values.keys():
            raise InvalidValue(f"the parameters are {', '.join(sorted(compiled.names)) or 'none'}")
        return compiled


def prepared(build: Callable[[Any], Selection | Assigning]) -> Prepared:
    """Prepare a statement; nothing is compiled and no database needed until it is used."""
    return Prepared(build)
