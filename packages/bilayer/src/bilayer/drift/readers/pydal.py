"""PyDAL tables as a ``Runtime``, read through PyDAL's public attributes; any version will do.

Never opens a connection.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bilayer.drift.readers.definitions import DefinitionDAL
from bilayer.drift.schemas import QUOTES, read_name, read_table_name
from bilayer.drift.snapshot import Field, Place, Runtime, RuntimeTable

STOCK_ADAPTERS: Final = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}
"""The stock adapter PyDAL would use on each engine."""
ADAPTERS: Final = frozenset({"native", "sqlite", "postgres", "postgres2", "postgres3", "mysql"})
_ENGINE_OF_ADAPTER: Final = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgres2": "postgresql",
    "postgres3": "postgresql",
    "mysql": "mysql",
}
_FORMS: Final = frozenset({"IS_IPADDRESS", "IS_IPV4", "IS_IPV6", "IS_MATCH"})
# Those of PyDAL's validators that may be about which words there are.
_OWN_WORDS: Final = frozenset(
    {"ANY_OF", "IS_EQUAL_TO", "IS_EXPR", "IS_IN_DB", "IS_IN_SET", "IS_MATCH"}
)


def choose_adapter(dal: Any, engine: str, declared: str | None) -> str:
    """Tell which adapter's behaviour to judge by.

    What the caller declares wins, then what the DAL is, then PyDAL's stock adapter of the engine.
    """
    if declared is not None:
        return declared
    if getattr(getattr(dal, "_adapter", None), "bilayer_native", False):
        return "native"
    name = _scheme(dal)
    return name if _ENGINE_OF_ADAPTER.get(name) == engine else STOCK_ADAPTERS[engine]


def read_runtime(dal: Any, engine: str, declared: str | None = None) -> Runtime:
    """Read all tables of a DAL."""
    places: dict[str, Place] = getattr(dal, "_bilayer_places", {})
    migrated: set[str] = getattr(dal, "_bilayer_migrated", set())
    dropped_ids: dict[str, str] = getattr(dal, "_bilayer_dropped_ids", {})
    names = _Names(getattr(dal, "_bilayer_rnames", {}), _marks_of(dal))
    tables = {}
    for name in list(dal.tables):
        table = dal[name]
        is_migrated = name in migrated or _is_migrated(dal, table)
        read = _read_table(table, engine, names, places.get(name), is_migrated=is_migrated)
        tables[name] = dataclasses.replace(read, dropped_id=dropped_ids.get(name))
    refusals = tuple(getattr(dal, "_bilayer_refusals", ()))
    return Runtime(choose_adapter(dal, engine, declared), tables, refusals)


def _is_migrated(dal: Any, table: Any) -> bool:
    """Tell whether PyDAL would make or alter the table in a database that outlives the process.

    A DAL in memory with PyDAL's defaults is a common way to hold definitions and harms nothing.
    """
    if isinstance(dal, DefinitionDAL) or not getattr(table, "_migrate", None):
        return False
    is_held_in_memory = str(getattr(dal, "_uri", "")) in ("sqlite:memory", "sqlite://:memory:")
    return not is_held_in_memory or getattr(dal, "_migrate", True) is False


def _read_table(
    table: Any, engine: str, names: _Names, place: Place | None, *, is_migrated: bool
) -> RuntimeTable:
    called = str(table._tablename)
    fields = tuple(_read_field(table[name], engine, names, called) for name in table.fields)
    columns = {field.name: field.column for field in fields}
    keys = getattr(table, "_primarykey", None)
    id_field = next((field.column for field in fields if field.type in ("id", "big-id")), None)
    primary_key = tuple(columns.get(key, key) for key in keys) if keys else ()
    if not primary_key and id_field:
        primary_key = (id_field,)
    rname = names.find(table, called, None)
    return RuntimeTable(
        name=called,
        table=read_table_name(rname, called, engine),
        fields=fields,
        primary_key=primary_key,
        id_field=id_field,
        is_migrated=is_migrated,
        rname=rname,
        place=place,
    )


def _read_field(field: Any, engine: str, names: _Names, table: str) -> Field:
    name = str(field.name)
    rname = names.find(field, table, name)
    type_ = getattr(field.type, "type", field.type)
    default = field.default
    requires = getattr(field, "requires", None)
    return Field(
        name=name,
        column=read_name(rname, name, engine),
        type=str(type_),
        length=field.length if isinstance(field.length, int) else None,
        notnull=bool(field.notnull),
        unique=bool(field.unique),
        default=None if default is None or callable(default) else _constant(default),
        has_default=default is not None,
        is_computed=getattr(field, "compute", None) is not None,
        has_update=getattr(field, "update", None) is not None,
        ondelete=str(getattr(field, "ondelete", "") or "").upper(),
        rname=rname,
        words=_read_words(requires),
        has_own_words=_has_own_words(requires),
        is_form_checked=_is_form_checked(requires),
    )


def _read_words(requires: Any) -> tuple[str, ...] | None:
    """Read what IS_IN_SET allows, also within a list of validators and within IS_EMPTY_OR."""
    for each in requires if isinstance(requires, list | tuple) else [requires]:
        inner = getattr(each, "other", None)
        words = _read_words(inner) if inner is not None else getattr(each, "theset", None)
        if isinstance(words, list | tuple | set | frozenset | dict):
            # A dict, and pairs in a list, give each word the label people read.
            return tuple(str(word[0] if isinstance(word, tuple | list) else word) for word in words)
    return None


def _has_own_words(requires: Any) -> bool:
    """Tell whether a validator may allow some words only, without naming them."""
    for each in requires if isinstance(requires, list | tuple) else [requires]:
        inner, kind = getattr(each, "other", None), type(each)
        is_foreign = callable(each) and not kind.__module__.startswith("pydal.")
        if (
            _has_own_words(inner)
            if inner is not None
            else is_foreign or kind.__name__ in _OWN_WORDS
        ):
            return True
    return False


def _is_form_checked(requires: Any) -> bool:
    """Tell whether a validator sees to the form of texts, also one within IS_EMPTY_OR."""
    return any(
        type(each).__name__ in _FORMS or _is_form_checked(getattr(each, "other", None))
        for each in (requires if isinstance(requires, list | tuple) else [requires])
        if each is not None
    )


def _constant(value: Any) -> str:
    if isinstance(value, bool | dict | list):
        return json.dumps(value, default=str)
    return str(value)


@dataclasses.dataclass(frozen=True, slots=True)
class _Names:
    """The names somebody wrote for tables and fields.

    Attributes:
        noted: Those that are known to be written, by table and field.
        marks: The quotes PyDAL itself puts around the names it fills in.
    """

    noted: Mapping[tuple[str, str | None], str]
    marks: str

    def find(self, item: Any, table: str, field: str | None) -> str | None:
        """Give the ``rname`` of a table or field, if somebody wrote one."""
        if (table, field) in self.noted:
            return self.noted[table, field]
        name, text = field or table, str(getattr(item, "_rname", None) or "")
        is_filled_in = text == name or (text.strip(self.marks) == name and text[:1] in self.marks)
        return None if not text or is_filled_in else text


def _marks_of(dal: Any) -> str:
    """Tell the quotes by which a DAL writes names; those of its engine, where it is known."""
    name = _scheme(dal)
    if not name or name == "None":
        return ""  # A DAL without a database fills in plain names.
    return {"mysql": "`"}.get(name, '"') if name in _ENGINE_OF_ADAPTER else QUOTES


def _scheme(dal: Any) -> str:
    found = re.match(r"\w*", str(getattr(dal, "_uri", None) or ""))
    return found.group() if found else ""
