"""The table of faults keeps its word: every row is there, and its test is too."""

import ast
import re
from collections.abc import Iterator

from tests.support.databases import ROOT

PAGE = (ROOT / "docs/faults.md").read_text()
ROWS = {"D": 27, "W": 13, "S": 8}
LINE = re.compile(r"^\| ((?:[DWS]\d+(?:, )?)+) \|.*\| (none|`(\S+)::(\w+)`) \|$", re.MULTILINE)


def test_every_fault_has_a_row() -> None:
    expected = {f"{kind}{number}" for kind, last in ROWS.items() for number in range(1, last + 1)}

    assert {row for row, *_ in _rows()} == expected


def test_every_row_names_a_test_or_says_why_there_is_none() -> None:
    missing = [
        row
        for row, path, name, line in _rows()
        if (name not in _tests(path) if path else "No test:" not in line)
    ]

    assert missing == []


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for found in LINE.finditer(PAGE):
        rows, _, path, name = found.groups()
        for row in rows.split(", "):
            yield row, path, name, found.group()


def _tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
