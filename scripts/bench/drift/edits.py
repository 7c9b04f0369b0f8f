"""What a mutation does to the text of a schema: lines swapped, dropped, added."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

Edit = Callable[[str], str]


class CannotEdit(ValueError):
    """The text does not have what is to be changed, so the mutation would be none."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Block:
    """A table in the text: where it begins and ends."""

    start: int
    end: int


def _find(text: str, table: str | None) -> _Block:
    if table is None:
        return _Block(0, len(text))
    found = re.search(rf'^\w+\("{table}",.*?^\)\n', text, re.DOTALL | re.MULTILINE)
    if found is None:
        message = f"no table {table}"
        raise CannotEdit(message)
    return _Block(found.start(), found.end())


def swap(table: str | None, *pairs: str) -> Edit:
    """Replace each first text with the second, in one table or in what is in none."""

    def edit(text: str) -> str:
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            block = _find(text, table)
            part = text[block.start : block.end]
            if part.count(old) != 1:
                message = f"{old!r} is {part.count(old)} times in {table}"
                raise CannotEdit(message)
            text = text[: block.start] + part.replace(old, new) + text[block.end :]
        return text

    return edit


def drop(table: str | None, *marks: str) -> Edit:
    """Drop the lines that hold the marks, one line each."""

    def edit(text: str) -> str:
        for mark in marks:
            block = _find(text, table)
            lines = text[block.start : block.end].splitlines(keepends=True)
            kept = [line for line in lines if mark not in line]
            if len(kept) != len(lines) - 1:
                message = f"{mark!r} is in {len(lines) - len(kept)} lines of {table}"
                raise CannotEdit(message)
            text = text[: block.start] + "".join(kept) + text[block.end :]
        return text

    return edit


def add(table: str, *lines: str) -> Edit:
    """Add lines at the end of a table."""

    def edit(text: str) -> str:
        block = _find(text, table)
        body = text[block.start : block.end].removesuffix(")\n")
        # What says something of the table itself stays last.
        body, mark, comment = body.partition("    comment=")
        added = "".join(f"    {line},\n" for line in lines)
        return text[: block.start] + body + added + mark + comment + ")\n" + text[block.end :]

    return edit


def remove(table: str) -> Edit:
    """Remove a table."""

    def edit(text: str) -> str:
        block = _find(text, table)
        return text[: block.start] + text[block.end :]

    return edit


def append(*lines: str) -> Edit:
    """Add lines at the end of everything."""
    return lambda text: text + "".join(f"{line}\n" for line in lines)


def both(*edits: Edit) -> Edit:
    """Make several edits, one after the other."""

    def edit(text: str) -> str:
        for each in edits:
            text = each(text)
        return text

    return edit
