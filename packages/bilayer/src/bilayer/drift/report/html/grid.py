"""Sets the sources side by side: one section a table, one row an item, one cell a source.

Several engines share a cell: what they agree on stands once. Writes no HTML.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final

from bilayer.drift.findings import RANK, Finding
from bilayer.drift.report.html.items import (
    COLUMNS,
    GROUPS,
    OTHERS,
    TABLE,
    UNSAID,
    Item,
    list_fields,
    list_items,
    list_object,
)  # fmt: skip
from bilayer.drift.report.model import Described, Report
from bilayer.drift.snapshot import Runtime, Schema

SOURCES: Final = {
    "models": "Models",
    "migrations": "Migrations",
    "database": "Database",
    "runtime": "PyDAL",
}
"""The sources in the order they stand in, and what they are called on the page."""


@dataclasses.dataclass(slots=True)
class Row:
    """One item as each source has it.

    Attributes:
        cells: The item of a source on an engine.
        findings: The numbers of the findings about it.
        differing: The sources they are about.
    """

    group: str
    label: str
    cells: dict[tuple[str, str], Item] = dataclasses.field(default_factory=dict)
    findings: list[int] = dataclasses.field(default_factory=list)
    differing: set[str] = dataclasses.field(default_factory=set)

    def read(self, source: str, engines: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Give the text and the note of a source on each engine; empty where it has none."""
        return {engine: self._say(source, engine) for engine in engines}

    def _say(self, source: str, engine: str) -> tuple[str, str]:
        item = self.cells.get((source, engine))
        if item is None:
            return "", ""
        note = item.note if self._is_noted(engine) else ""
        return item.text.removeprefix(f"{self.label} "), note

    def is_meant(self, finding: Finding) -> bool:
        """Tell whether a finding is about this constraint or object, by its text or its name."""
        sides = {finding.left, finding.right} - {None}
        if any(item.said in sides for item in self.cells.values()):
            return True
        if not (finding.code.startswith("BL3") or (self.group == OTHERS and not finding.column)):
            return False
        names = {item.name for item in self.cells.values() if item.name}
        said = finding.message
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) for name in names)

    def _is_noted(self, engine: str) -> bool:
        notes = {
            item.note
            for (source, other), item in self.cells.items()
            if other == engine and source != "runtime"
        }
        return len(notes) > 1


@dataclasses.dataclass(slots=True)
class Section:
    """A table: what the sources say of it, and what was found.

    Attributes:
        present: The engines on which a source has it.
        findings: The findings about it with their numbers, the worst first.
    """

    name: str
    rows: list[Row] = dataclasses.field(default_factory=list)
    present: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    findings: list[tuple[int, Finding]] = dataclasses.field(default_factory=list)
    known: dict[Hashable, list[Row]] = dataclasses.field(default_factory=dict)

    @property
    def severity(self) -> str:
        """The worst severity of its findings; empty if there is none."""
        found = {finding.severity for _, finding in self.findings}
        return next((severity for severity in RANK if severity in found), "")

    def add(self, item: Item, source: str, engine: str) -> None:
        """Put an item into the row that is known by one of its keys, or into a new one."""
        cell = (source, engine)
        keys = [(item.group, key) for key in item.keys]
        row = next(
            (row for key in keys for row in self.known.get(key, ()) if cell not in row.cells), None
        )
        if row is None:
            row = Row(item.group, item.label)
            self.rows.append(row)
        for key in keys:
            rows = self.known.setdefault(key, [])
            if row not in rows:
                rows.append(row)
        row.cells[cell] = item

    def by_group(self) -> Iterator[tuple[str, list[Row]]]:
        """Give the rows in the order of the groups."""
        for group in GROUPS:
            if rows := [row for row in self.rows if row.group == group]:
                yield group, rows

    def find_row(self, finding: Finding) -> Row | None:
        """Find the row a finding is about."""
        for row in self.rows:
            if row.group not in {COLUMNS, TABLE} and row.is_meant(finding):
                return row
        if finding.column:
            for row in self.rows:
                if row.group == COLUMNS and row.label.lower() == finding.column.lower():
                    return row
        return next((row for row in self.rows if row.group == TABLE), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """All sections, and the sources and engines that have something to say.

    Attributes:
        engines: The engines on which a source was read.
        general: The findings about no table.
    """

    sections: tuple[Section, ...]
    engines: dict[str, list[str]]
    general: tuple[tuple[int, Finding], ...]

    @property
    def all_engines(self) -> list[str]:
        """The engines of any source."""
        return list(dict.fromkeys(each for names in self.engines.values() for each in names))

    @property
    def sources(self) -> list[str]:
        """The sources that were read on any engine."""
        return [source for source in SOURCES if self.engines[source]]


def is_silent(source: str, row: Row) -> bool:
    """Tell whether a source cannot say anything of the kind: PyDAL knows no key of two columns."""
    if source != "runtime":
        return False
    return row.group in UNSAID or any(len(item.columns) > 1 for item in row.cells.values())


def make_grid(report: Report) -> Grid:
    """Set side by side what was read, and put each finding where it belongs."""
    names = _Names(_list_apart(report))
    engines: dict[str, list[str]] = {source: [] for source in SOURCES}
    for described in report.described:
        for source in SOURCES:
            if getattr(described, source) is not None:
                engines[source].append(described.engine)
                for table, item in _list_source(described, source):
                    section = names.section(table)
                    places = section.present.setdefault(source, [])
                    if described.engine not in places:
                        places.append(described.engine)
                    section.add(item, source, described.engine)
    general = []
    for number, finding in enumerate(report.findings, 1):
        if finding.table:
            _place(names.section(finding.table), number, finding)
        else:
            general.append((number, finding))
    sections = sorted(names.sections.values(), key=_rank)
    return Grid(tuple(sections), engines, tuple(general))


def _rank(section: Section) -> tuple[int, int, str]:
    """Put the tables with the worst findings first, and of these those with the most."""
    worst = [each for _, each in section.findings if each.severity == section.severity]
    return (RANK.get(section.severity, len(RANK)), -len(worst), section.name)


def _list_source(described: Described, source: str) -> Iterator[tuple[str, Item]]:
    if source == "runtime":
        for defined in described.runtime.tables.values() if described.runtime else ():
            for item in list_fields(defined):
                yield defined.table, item
        return
    schema = getattr(described, source)
    for table in schema:
        for item in list_items(table):
            yield table.name, item
    for found in schema.objects:
        yield found.table or found.name, list_object(found)


def _place(section: Section, number: int, finding: Finding) -> None:
    section.findings.append((number, finding))
    row = section.find_row(finding)
    if row is not None:
        row.findings.append(number)
        row.differing |= set(finding.pair.split("-")) & SOURCES.keys()


class _Names:
    """The sections by name; a name in another case is the same table unless a source has both."""

    def __init__(self, apart: set[str]) -> None:
        self.sections: dict[str, Section] = {}
        self._apart = apart

    def section(self, name: str) -> Section:
        """Find the section of a table, or begin it."""
        known = name if name.lower() in self._apart else name.lower()
        return self.sections.setdefault(known, Section(name))


def _list_apart(report: Report) -> set[str]:
    """List the names a source has in several spellings of case."""
    spellings = [
        Counter(name.lower() for name in _list_names(described, source))
        for described in report.described
        for source in SOURCES
    ]
    return {name for counted in spellings for name, times in counted.items() if times > 1}


def _list_names(described: Described, source: str) -> Iterable[str]:
    found: Schema | Runtime | None = getattr(described, source)
    if found is None:
        return ()
    return found.tables if isinstance(found, Schema) else found.by_table()
