"""PyDAL tables as a ``Runtime``, read through PyDAL's public attributes; any version will do.

Never opens a connection. A function ``define(db)`` is called with a DAL that only holds
definitions; one table it cannot define does not hide the others.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pydal

from bilayer.drift.schemas import QUOTES, read_name, read_table_name
from bilayer.drift.scratch.signals import Terminated
from bilayer.drift.snapshot import Field, Place, Refusal, Runtime, RuntimeTable

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
_PYDAL_FOLDER: Final = str(Path(pydal.__file__).parent)
_FORMS: Final = frozenset({"IS_IPADDRESS", "IS_IPV4", "IS_IPV6", "IS_MATCH"})


class DefinitionDAL(pydal.DAL):  # type: ignore[misc]  # PyDAL ships no types
    """A DAL that remembers where its tables were defined and what it refused.

    It has an empty database in memory, because definitions may hold queries (``requires=``,
    ``common_filter=``), and PyDAL writes no query without a dialect.
    """

    def __init__(self) -> None:
        super().__init__("sqlite:memory", migrate=False, migrate_enabled=False)
        self._bilayer_places: dict[str, Place] = {}
        self._bilayer_migrated: set[str] = set()
        self._bilayer_dropped_ids: dict[str, str] = {}
        self._bilayer_refusals: list[Refusal] = []

    def define_table(self, tablename: str, *fields: Any, **options: Any) -> Any:
        """Define a table; note a refusal instead of raising it."""
        place = _caller()
        if options.get("migrate"):
            self._bilayer_migrated.add(tablename)
        if tablename in self.tables:
            reason = "the table is defined twice; the later definition was read"
            self._bilayer_refusals.append(Refusal(tablename, reason, place, is_duplicate=True))
            options["redefine"] = True
        self._note_dropped_fields(tablename, fields, place)
        try:
            table = super().define_table(tablename, *fields, **options)
        except Exception as error:  # noqa: BLE001 - PyDAL raises whatever its checks run into
            reason = f"{type(error).__name__}: {error}"
            self._bilayer_refusals.append(Refusal(tablename, reason, place))
            return None
        self._bilayer_places[tablename] = place
        dropped = [field.type for field in fields if getattr(field, "name", None) == "id"]
        if dropped and str(dropped[0]) != "id" and not options.get("primarykey"):
            self._bilayer_dropped_ids[tablename] = str(dropped[0])
        return table

    def _note_dropped_fields(self, table: str, fields: Sequence[Any], place: Place) -> None:
        """Note fields PyDAL drops without a word: it keeps the first of a name."""
        names = [field.name for field in fields if isinstance(field, pydal.Field)]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            reason = f"the field {name} is defined twice; PyDAL keeps the first without a word"
            self._bilayer_refusals.append(Refusal(table, reason, place, is_duplicate=True))

    def commit(self) -> None:
        """Do nothing: definitions often end with a commit, and there is no database."""

    def rollback(self) -> None:
        """Do nothing, as ``commit``."""


def define(
    function: Callable[[Any], object],
) -> tuple[pydal.DAL, Exception | SystemExit | None]:
    """Call a function ``define(db)`` and give back its tables, and what stopped it early."""
    db = DefinitionDAL()
    try:
        function(db)
    except (Exception, SystemExit) as error:
        if isinstance(error, Terminated):
            raise
        frame = traceback.extract_tb(error.__traceback__)[1:]
        own = [each for each in frame if not each.filename.startswith(_PYDAL_FOLDER)]
        place = Place(own[-1].filename, own[-1].lineno or 1) if own else None
        reason = f"{type(error).__name__}: {error}"
        db._bilayer_refusals.append(Refusal("", reason, place))
        return db, error
    finally:
        # The definitions outlive the connection.
        db.close()
    return db, None


def choose_adapter(dal: Any, engine: str, declared: str | None) -> str:
    """Tell which adapter's behaviour to judge by.

    What the caller declares wins, then what the DAL is, then PyDAL's stock adapter of the engine.
    """
    if declared is not None:
        return declared
    if getattr(getattr(dal, "_adapter", None), "bilayer_native", False):
        return "native"
    scheme = re.match(r"\w*", str(getattr(dal, "_uri", None) or ""))
    name = scheme.group() if scheme else ""
    return name if _ENGINE_OF_ADAPTER.get(name) == engine else STOCK_ADAPTERS[engine]


def read_runtime(dal: Any, engine: str, declared: str | None = None) -> Runtime:
    """Read all tables of a DAL."""
    places: dict[str, Place] = getattr(dal, "_bilayer_places", {})
    migrated: set[str] = getattr(dal, "_bilayer_migrated", set())
    dropped_ids: dict[str, str] = getattr(dal, "_bilayer_dropped_ids", {})
    tables = {}
    for name in list(dal.tables):
        table = dal[name]
        is_migrated = name in migrated or _is_migrated(dal, table)
        read = _read_table(table, engine, places.get(name), is_migrated=is_migrated)
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


def _read_table(table: Any, engine: str, place: Place | None, *, is_migrated: bool) -> RuntimeTable:
    fields = tuple(_read_field(table[name], engine) for name in table.fields)
    columns = {field.name: field.column for field in fields}
    keys = getattr(table, "_primarykey", None)
    id_field = next((field.column for field in fields if field.type in ("id", "big-id")), None)
    primary_key = tuple(columns.get(key, key) for key in keys) if keys else ()
    if not primary_key and id_field:
        primary_key = (id_field,)
    name = str(table._tablename)
    rname = _written_name(getattr(table, "_rname", None), name)
    return RuntimeTable(
        name=name,
        table=read_table_name(rname, name, engine),
        fields=fields,
        primary_key=primary_key,
        id_field=id_field,
        is_migrated=is_migrated,
        rname=rname,
        place=place,
    )


def _read_field(field: Any, engine: str) -> Field:
    name = str(field.name)
    rname = _written_name(getattr(field, "_rname", None), name)
    type_ = getattr(field.type, "type", field.type)
    default = field.default
    return Field(
        name=name,
        column=read_name(rname, name, engine),
        type=str(type_),
        length=field.length if isinstance(field.length, int) else None,
        notnull=bool(field.notnull),
        unique=bool(field.unique),
        default=None if default is None or callable(default) else _constant(default),
        has_default=default is not None or getattr(field, "compute", None) is not None,
        has_update=getattr(field, "update", None) is not None,
        ondelete=str(getattr(field, "ondelete", "") or "").upper(),
        rname=rname,
        words=_read_words(getattr(field, "requires", None)),
        is_form_checked=_is_form_checked(getattr(field, "requires", None)),
    )


def _read_words(requires: Any) -> tuple[str, ...] | None:
    """Read what IS_IN_SET allows, also within a list of validators and within IS_EMPTY_OR."""
    for each in requires if isinstance(requires, list | tuple) else [requires]:
        inner = getattr(each, "other", None)
        words = _read_words(inner) if inner is not None else getattr(each, "theset", None)
        if isinstance(words, list | tuple | set | dict):
            # A dict, and pairs in a list, give each word the label people read.
            return tuple(str(word[0] if isinstance(word, tuple | list) else word) for word in words)
    return None


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


def _written_name(rname: object, name: str) -> str | None:
    """Keep an ``rname`` somebody wrote; PyDAL fills in the quoted name where nobody did."""
    text = str(rname or "")
    return None if not text or text.strip(QUOTES) == name else text


def _caller() -> Place:
    """Find the line that called ``define_table``."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame.f_back if frame else None
    if frame is None:
        return Place("", 0)
    return Place(frame.f_code.co_filename, frame.f_lineno)
