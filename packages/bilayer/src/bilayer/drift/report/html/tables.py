"""A table of the schema as the page shows it: the sources side by side, and the findings below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bilayer.drift.findings import Finding
from bilayer.drift.report.html.cards import write_card
from bilayer.drift.report.html.grid import SOURCES, Grid, Row, Section, is_silent
from bilayer.drift.report.html.items import COLUMNS
from bilayer.drift.report.html.markup import NOTHING, mark, name, tally, text

_LONG: Final = 60
"""Letters from which on nobody reads the same again."""


def write_section(section: Section, grid: Grid, anchor: str, links: Mapping[str, str]) -> str:
    """Write a table; one with nothing to mend is folded away."""
    found = [finding for _, finding in section.findings]
    is_open = " open" if section.severity in {"error", "warning"} else ""
    columns = sum(row.group == COLUMNS for row in section.rows)
    state = tally(found) or '<span class="c">all agree</span>'
    size = f" <small>{columns} columns</small>" if columns else ""
    cards = "".join(write_card(number, finding) for number, finding in section.findings)
    return (
        f'<details class="t" id="{anchor}" data-t="{text(_searched(section))}"{is_open}>'
        f"<summary><h3>{name(section.name)}</h3>{size} {state}</summary>"
        f"{_write_sources(section, grid, links)}{cards}</details>"
    )


def _searched(section: Section) -> str:
    """Give the words by which the filter finds the table."""
    columns = [row.label for row in section.rows if row.group == COLUMNS]
    columns += [finding.column for _, finding in section.findings if finding.column]
    return " ".join(dict.fromkeys([section.name, *columns])).lower()


def _write_sources(section: Section, grid: Grid, links: Mapping[str, str]) -> str:
    if not section.rows:
        return ""
    numbered: dict[int, Finding] = dict(section.findings)
    sources = grid.sources
    heads = "".join(_write_head(section, grid, source) for source in sources)
    if numbered:
        heads += '<th scope="col" class="k">Findings</th>'
    bodies = []
    for group, rows in section.by_group():
        title = ""
        if group != COLUMNS and len(rows) + (rows[0].label.lower() != group.lower()) > 1:
            width = len(sources) + 1 + bool(numbered)
            title = f'<tr class="g"><th scope="rowgroup" colspan="{width}">{group}</th></tr>'
        lines = "".join(_write_row(row, section, grid, numbered, links) for row in rows)
        bodies.append(f"<tbody>{title}{lines}</tbody>")
    return (
        f'<table><caption class="v">What each source says of {name(section.name)}</caption>'
        f'<thead><tr><th scope="col">Column</th>{heads}</tr></thead>{"".join(bodies)}</table>'
    )


def _write_head(section: Section, grid: Grid, source: str) -> str:
    """Name a source, and say where it does not have the table."""
    engines, present = grid.engines[source], section.present.get(source, [])
    if not present:
        note = "<small>does not have it</small>"
    elif len(present) < len(engines):
        note = f"<small>on {text(', '.join(present))} only</small>"
    else:
        note = ""
    return f'<th scope="col">{SOURCES[source]}{note}</th>'


def _write_row(
    row: Row,
    section: Section,
    grid: Grid,
    numbered: Mapping[int, Finding],
    links: Mapping[str, str],
) -> str:
    cells = "".join(_write_cells(row, section, grid.sources, links))
    if numbered:
        engines = len(grid.all_engines)
        marks = " ".join(mark(each, numbered[each], engines) for each in row.findings)
        cells += f'<td class="k">{marks}</td>'
    css = ' class="n"' if row.findings else ""
    # A long name breaks where its words meet.
    label = name(row.label).replace("_", "_<wbr>")
    return f'<tr{css}><th scope="row">{label}</th>{cells}</tr>'


def _write_cells(
    row: Row, section: Section, sources: Sequence[str], links: Mapping[str, str]
) -> Iterator[str]:
    """Write what each source says, and what differs in full.

    What says the same as a source before it says so; on a phone those stand once.
    """
    said = {
        source: {} if is_silent(source, row) else row.read(source, section.present.get(source, []))
        for source in sources
    }
    first = {source: _find_alike(row, source, said) for source in sources}
    for source in sources:
        written = _write_lines(said[source], _find_target(row, source), links)
        if source in row.differing:
            yield f'<td class="d" data-l="{SOURCES[source]}"><b>≠</b> {written}</td>'
        elif first[source] == source:
            alike = [SOURCES[each] for each in sources if first[each] == source]
            yield f'<td data-l="{", ".join(alike)}">{written}</td>'
        elif len(set(said[source].values())) > 1 or len(written) > _LONG:
            yield f'<td class="s">as {SOURCES[first[source]].lower()}</td>'
        else:
            yield f'<td class="s">{written}</td>'


def _find_alike(row: Row, source: str, said: Mapping[str, Mapping[str, tuple[str, str]]]) -> str:
    """Find the first source that says the same on each engine the given one was read on."""
    if source in row.differing:
        return source
    for other in said:
        if other == source:
            break
        # What says nothing is like nothing but what says nothing too.
        is_alike = said[source].items() <= said[other].items() and bool(said[other]) == bool(
            said[source]
        )
        if is_alike and other not in row.differing:
            return other
    return source


def _find_target(row: Row, source: str) -> str | None:
    """Find the table a foreign key points to."""
    items = (item for (each, _), item in row.cells.items() if each == source)
    return next((item.target for item in items if item.target), None)


def _write_lines(
    said: Mapping[str, tuple[str, str]], target: str | None, links: Mapping[str, str]
) -> str:
    """Write what engines agree on once, and what they do not with their names."""
    found: dict[tuple[str, str], list[str]] = {}
    for engine, each in said.items():
        found.setdefault(each, []).append(engine)
    link = links.get(target) if target else None
    if not found:
        return f"<i>{NOTHING}</i>"
    if len(found) == 1:
        return _write_text(*next(iter(found)), link)
    return "".join(
        f'<span class="l" data-e="{text(" ".join(engines))}">'
        f"{_write_text(*each, link)} <em>{text(', '.join(engines))}</em></span>"
        for each, engines in found.items()
    )


def _write_text(said: str, note: str, link: str | None) -> str:
    if not said:
        return "<i>none</i>"
    # A foreign key leads to the table it points to.
    written = f'<a href="#{link}">{text(said)}</a>' if link else text(said)
    return f"{written} <small>{text(note)}</small>" if note else written
