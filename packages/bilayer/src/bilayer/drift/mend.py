"""From differences to findings: where each is to be mended, and with what text."""

from __future__ import annotations

import dataclasses
import functools
import graphlib
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect

from bilayer.drift.definitions.fixes import fix_runtime
from bilayer.drift.definitions.locate import SourceMap, map_models, map_revisions, map_runtime
from bilayer.drift.findings import CATALOGUE, Difference, Finding
from bilayer.drift.history import History
from bilayer.drift.operations.losses import warn
from bilayer.drift.operations.revisions import write_revision, write_sql
from bilayer.drift.operations.wishes import Wish
from bilayer.drift.snapshot import Runtime, Schema


@dataclasses.dataclass(frozen=True, eq=False)
class Mender:
    """What is known about the sources, for the sake of locations and fixes.

    Attributes:
        tables: The models as SQLAlchemy has them.
        reflect: Reads what the migrations made as SQLAlchemy reflects it: 0 up to their head, -1
            up to where the live database is.
        migrated: What the migrations made.
        live: The live database.
    """

    engine: str
    dialect: Dialect
    root: Path
    schema: Schema
    runtime: Runtime | None = None
    history: History | None = None
    tables: Sequence[sa.Table] = ()
    reflect: Callable[[int], Sequence[sa.Table]] = lambda _: ()
    migrated: Schema | None = None
    live: Schema | None = None

    def mend(self, difference: Difference) -> Finding:
        """Add location and fix to a difference."""
        location = difference.location or self._locate(difference)
        return Finding(
            code=difference.code,
            name=CATALOGUE[difference.code].name,
            severity=difference.severity,
            pair=difference.pair,
            table=difference.table,
            column=difference.column,
            message=difference.message,
            left=difference.left,
            right=difference.right,
            location=self._relative(location),
            fix=self._fix(difference),
            engine=self.engine,
        )

    @functools.cached_property
    def _head(self) -> Sequence[sa.Table]:
        return self.reflect(0)

    @functools.cached_property
    def _live_revision(self) -> Sequence[sa.Table]:
        return self.reflect(-1)

    @functools.cached_property
    def _models(self) -> SourceMap:
        return map_models()

    @functools.cached_property
    def _runtime(self) -> SourceMap:
        tables = self.runtime.tables.values() if self.runtime else ()
        places = {t.name: t.place for t in tables if t.place and t.place.path}
        return map_runtime(dict.fromkeys(Path(place.path) for place in places.values()), places)

    @functools.cached_property
    def _revisions(self) -> SourceMap:
        return map_revisions(order_revisions(self.history) if self.history else ())

    def _locate(self, difference: Difference) -> str | None:
        table, column = difference.table, difference.column
        if difference.code in ("BL112", "BL115", "BL120", "BL211"):
            return self._models.find(table, column) or self._runtime.find(table, column)
        if difference.pair in ("models-runtime", "runtime-database", "setup"):
            return self._locate_field(table, column) or self._models.find(table, column)
        is_unknown_to_migrations = difference.code in ("BL201", "BL202") and (
            difference.pair == "models-migrations" and not (difference.left or "").startswith("no ")
        )
        if is_unknown_to_migrations:
            return self._models.find(table, column)
        return self._revisions.find(table, column) or self._models.find(table, column)

    def _locate_field(self, table: str | None, column: str | None) -> str | None:
        """Find a field by the names PyDAL code uses, which may differ from the database's."""
        defined = self.runtime.by_table().get(table or "") if self.runtime else None
        if defined is None:
            return self._runtime.find(table, column)
        field = defined.field(column) if column else None
        return self._runtime.find(defined.name, field.name if field else column)

    def _relative(self, location: str | None) -> str | None:
        if location is None:
            return None
        path, _, line = location.rpartition(":")
        resolved = Path(path).resolve()
        if resolved.is_relative_to(self.root):
            return f"{resolved.relative_to(self.root).as_posix()}:{line}"
        return location

    def _fix(self, difference: Difference) -> str | None:
        if difference.is_later:
            return None
        if difference.pair == "models-migrations":
            wish = Wish(difference, self.dialect, self.tables, self._head, self.migrated)
            return write_revision(wish)
        if difference.pair == "migrations-database":
            wish = Wish(difference, self.dialect, self._live_revision, there=self.live)
            fix = write_sql(wish)
            return warn(fix, difference) if fix else None
        return fix_runtime(difference, self.schema, self.runtime)


def order_revisions(history: History) -> list[str]:
    """List the paths of revisions, predecessors first."""
    by_id = {revision.revision: revision for revision in history.revisions}
    graph = {name: revision.down for name, revision in by_id.items()}
    try:
        order = list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError:
        order = list(by_id)
    return [by_id[name].path for name in order if name in by_id]
