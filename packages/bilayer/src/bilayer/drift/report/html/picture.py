"""The entity-relationship picture: a box a table, a line a foreign key, drawn as SVG.

Few tables show all their columns, more of them their keys, very many their names only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from bilayer.drift.report.html.grid import Grid, Row, Section
from bilayer.drift.report.html.items import COLUMNS, KEY, LINKS
from bilayer.drift.report.html.layout import Layout, lay_out
from bilayer.drift.report.html.markup import SIGNS, count, text

_LINE: Final = 17
_LETTER: Final = 7.3
"""The width of a letter of the picture's font."""
_LONGEST: Final = 32
_ROWS: Final = 14
_FEW: Final = 8
_MANY: Final = 45
_LANES: Final = 64
"""Room between two columns of boxes."""
_MARGIN: Final = 12


@dataclasses.dataclass(frozen=True, slots=True)
class _Box:
    """A table in the picture.

    Attributes:
        rows: What stands below its name: the sign of a key, and a column.
        links: The foreign keys as the column they begin at, the target, and the row of the page.
    """

    section: Section
    title: str
    rows: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str, Row], ...]

    @property
    def width(self) -> float:
        letters = max([len(self.title) + 3, *(len(name) + 4 for _, name in self.rows)])
        return letters * _LETTER + 16

    @property
    def height(self) -> float:
        return 26.0 + len(self.rows) * _LINE + (6 if self.rows else 0)

    def port(self, column: str) -> float:
        """Say how far below the top the line of a column is; the name's where it has none."""
        for position, (_, name) in enumerate(self.rows):
            if name == _cut(column):
                return 26.0 + position * _LINE + _LINE / 2
        return 13.0


def write_picture(grid: Grid, anchors: Mapping[str, str]) -> str:
    """Draw the schema; nothing if no source was read."""
    sections = [section for section in grid.sections if _has_columns(section)]
    if not sections:
        return ""
    boxes = {section.name: _make_box(section, len(sections)) for section in sections}
    links = [(name, target) for name, box in boxes.items() for _, target, _ in box.links]
    layout = lay_out({name: box.height for name, box in boxes.items()}, links)
    # The boxes of a column are as wide as the widest, so that lines meet none on their way.
    widths = [
        max((boxes[node.name].width for node in layer if not node.target), default=0.0)
        for layer in layout.layers
    ]
    lefts = list(accumulate((width + _LANES for width in widths), initial=float(_MARGIN)))
    total = lefts.pop() - _LANES + 2 * _MARGIN
    lines = "".join(_write_link(*link) for link in _trace(layout, boxes, lefts, widths))
    drawn = "".join(
        _write_box(boxes[node.name], anchors[node.name], left, node.y + _MARGIN, width)
        for left, width, layer in zip(lefts, widths, layout.layers, strict=True)
        for node in layer
        if not node.target
    )
    height = layout.height + 2 * _MARGIN
    shown = f"{count(len(boxes), 'table')}, {count(len(links), 'foreign key')}"
    return (
        '<section id="picture" aria-labelledby="picture-title"><h2 id="picture-title">Tables and'
        f" their keys</h2><p>{shown}. A line runs from the table with the foreign key (the fork) to"
        " the table it points to (the dot). Each box leads to its table.</p>"
        '<div class="zoom" hidden><button type="button" data-z="1.25">Larger</button>'
        '<button type="button" data-z="0.8">Smaller</button>'
        '<button type="button" data-z="0">Fit</button></div>'
        '<a class="skip" href="#tables">Skip the picture</a>'
        '<div class="pan" role="region" aria-label="Picture of the tables, scrolls" tabindex="0">'
        f'<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-label="{shown}"'
        f' width="{total:.0f}" height="{height:.0f}" viewBox="0 0 {total:.0f} {height:.0f}">'
        '<defs><marker id="dot" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="8"'
        ' markerHeight="8"><circle cx="4" cy="4" r="3"/></marker></defs>'
        f"<g>{lines}</g><g>{drawn}</g></svg></div></section>"
    )


def _has_columns(section: Section) -> bool:
    return any(row.group == COLUMNS for row in section.rows)


def _make_box(section: Section, tables: int) -> _Box:
    links = tuple(
        (columns[0] if columns else "", target, row)
        for row in section.rows
        if row.group == LINKS
        for target, columns in [_target(row)]
    )
    own = {name for row in section.rows if row.group == KEY for name in _key_columns(row)}
    begins = {column for column, _, _ in links}
    names = [row.label for row in section.rows if row.group == COLUMNS]
    if tables > _MANY:
        names = []
    elif tables > _FEW:
        names = [name for name in names if name in own or name in begins]
    rest = len(names) - _ROWS
    rows = [("◆" if name in own else "→" if name in begins else " ", _cut(name)) for name in names]
    if rest > 1:
        rows = [*rows[:_ROWS], (" ", f"{rest} more")]
    return _Box(section, _cut(section.name), tuple(rows), links)


def _target(row: Row) -> tuple[str, tuple[str, ...]]:
    item = next(iter(row.cells.values()))
    return item.target or "", item.columns


def _key_columns(row: Row) -> list[str]:
    return [name for item in row.cells.values() for name in item.text.strip("()").split(", ")]


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _trace(
    layout: Layout, boxes: Mapping[str, _Box], lefts: Sequence[float], widths: Sequence[float]
) -> list[tuple[str, Row, str]]:
    """List the lines: their path, the row they stand for, and what they are called."""
    lines = []
    for name, box in boxes.items():
        source = layout.boxes[name]
        for column, target, row in box.links:
            if target not in boxes:
                continue
            end = layout.boxes[target]
            x, y = lefts[source.layer], source.y + _MARGIN + box.port(column)
            to_x, to_y = lefts[end.layer] + widths[end.layer], end.y + _MARGIN + 13
            called = f"{name} {row.label} → {target}"
            if source.layer > end.layer:
                stops = [(x - 10, y)]
                for node in layout.route(name, target):
                    middle = node.middle + _MARGIN
                    stops.append((lefts[node.layer] + widths[node.layer], middle))
                    stops.append((lefts[node.layer], middle))
                lines.append((_fork(x, y, -1) + _curve([*stops, (to_x, to_y)]), row, called))
            else:
                # Links within a column, to the right, or to the table itself bend around.
                x += widths[source.layer]
                bend = max(x, to_x) + 26
                path = f"M{x + 10:.0f} {y:.0f}C{bend:.0f} {y:.0f} {bend:.0f} {to_y:.0f}"
                lines.append((f"{_fork(x, y, 1)}{path} {to_x:.0f} {to_y:.0f}", row, called))
    return lines


def _fork(x: float, y: float, way: int) -> str:
    """Draw the fork at the end that has many rows."""
    tip = x + 10 * way
    return f"M{tip:.0f} {y:.0f}L{x:.0f} {y - 4:.0f}M{tip:.0f} {y:.0f}L{x:.0f} {y + 4:.0f}"


def _curve(stops: Sequence[tuple[float, float]]) -> str:
    x, y = stops[0]
    path = f"M{x:.0f} {y:.0f}"
    for to_x, to_y in stops[1:]:
        middle = (x + to_x) / 2
        path += f"C{middle:.0f} {y:.0f} {middle:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x, to_y
    return path


def _write_link(path: str, row: Row, called: str) -> str:
    css = ' class="d"' if row.differing else ""
    return f'<path{css} d="{path}" marker-end="url(#dot)"><title>{text(called)}</title></path>'


def _write_box(box: _Box, anchor: str, x: float, y: float, width: float) -> str:
    """Draw a table; what was found about it is said by sign and number, not by colour alone."""
    section = box.section
    sign = SIGNS.get(section.severity, "")
    found = f", {count(len(section.findings), 'finding')}" if section.findings else ""
    rows = "".join(
        f'<text x="{x + 8:.0f}" y="{y + 26 + position * _LINE + 12:.0f}">'
        f'<tspan class="k">{key}</tspan><tspan x="{x + 24:.0f}">{text(name)}</tspan></text>'
        for position, (key, name) in enumerate(box.rows)
    )
    return (
        f'<a href="#{anchor}" class="{section.severity or "same"}"'
        f' aria-label="{text(section.name)}{found}"><title>{text(section.name)}{found}</title>'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{box.height:.0f}" rx="5"/>'
        f'<path d="M{x:.0f} {y + 26:.0f}h{width:.0f}"/>'
        f'<text class="n" x="{x + 8:.0f}" y="{y + 18:.0f}">{text(box.title)}</text>'
        f'<text class="q" x="{x + width - 8:.0f}" y="{y + 18:.0f}">{sign}</text>{rows}</a>'
    )
