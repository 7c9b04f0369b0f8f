"""What a function ``define(db)`` defines, without a database.

One table PyDAL refuses does not hide the others.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pydal

from bilayer.drift.foreign import running
from bilayer.drift.scratch.signals import Terminated
from bilayer.drift.snapshot import Place, Refusal

_PYDAL_FOLDER: Final = str(Path(pydal.__file__).parent)


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
        self._bilayer_rnames: dict[tuple[str, str | None], str] = {}

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
        self._note_names(tablename, fields, options.get("rname"))
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
        seen: dict[str, str] = {}
        dropped: dict[str, str] = {}
        for each in fields:
            if isinstance(each, pydal.DAL.Table):
                names = (name for name in each.fields if name != "id")  # No table takes that over.
                seen |= dict.fromkeys(names, f"by its template {each} and again")
            elif isinstance(each, pydal.Field) and each.name in seen:
                dropped[each.name] = seen[each.name]
            elif isinstance(each, pydal.Field):
                seen[each.name] = "twice"
        for name, how in dropped.items():
            reason = f"the field {name} is defined {how}; PyDAL keeps the first without a word"
            self._bilayer_refusals.append(Refusal(table, reason, place, is_duplicate=True))

    def _note_names(self, table: str, fields: Sequence[Any], rname: object) -> None:
        """Note the names somebody wrote: PyDAL fills in its own in quotes, which look like some."""
        noted = self._bilayer_rnames
        names: dict[tuple[str, str | None], str] = {(table, None): str(rname)} if rname else {}
        for field in fields:
            if isinstance(field, pydal.DAL.Table):
                template = str(field._tablename)
                names |= {
                    (table, name): said
                    for (of, name), said in noted.items()
                    if of == template and name is not None
                }
            elif getattr(field, "table", None) is None and getattr(field, "_rname", None):
                names[table, str(field.name)] = str(field._rname)
        # Those of a definition that this one replaces are gone.
        kept = {key: said for key, said in noted.items() if key[0] != table}
        self._bilayer_rnames = kept | names

    def commit(self) -> None:
        """Do nothing: definitions often end with a commit, and there is no database."""

    def rollback(self) -> None:
        """Do nothing, as ``commit``."""


def is_definition(runtime: Any) -> bool:
    """Tell what is to be called with a DAL from a DAL, which can be called too."""
    return callable(runtime) and not hasattr(runtime, "tables")


def define(
    function: Callable[[Any], object],
) -> tuple[pydal.DAL, Exception | SystemExit | None]:
    """Call a function ``define(db)`` and give back its tables, and what stopped it early.

    What it prints is no part of a report.
    """
    db = DefinitionDAL()
    try:
        with running("the function that defines the tables"):
            _refuse_postponed(function(db))
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


def _refuse_postponed(result: object) -> None:
    """Refuse a function that runs nothing when it is called: ``async def``, or one that yields."""
    if inspect.iscoroutine(result):
        result.close()  # Else Python warns that nobody awaited it.
    elif not (inspect.isgenerator(result) or inspect.isasyncgen(result)):
        return
    message = "it is async or yields, so that calling it defines nothing: make it a plain function"
    raise TypeError(message)


def _caller() -> Place:
    """Find the line that called ``define_table``."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame.f_back if frame else None
    if frame is None:
        return Place("", 0)
    return Place(frame.f_code.co_filename, frame.f_lineno)
