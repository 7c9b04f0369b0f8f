"""What SQLite keeps as text only: indexes, checks and generated columns of its statements.

SQLAlchemy reads these with patterns that stop at line ends and at the first parenthesis, and it
leaves out indexes over expressions. Here the PRAGMAs tell the facts, and parentheses are matched.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

_Key = tuple[str | None, str]
_QUOTED: Final = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]"
_COMMENT: Final = re.compile(rf"({_QUOTED})|--[^\n]*|/\*.*?\*/", re.DOTALL)
NAME: Final = re.compile(rf"\s*({_QUOTED}|[^\s(]+)")
_CHECK: Final = re.compile(r"(?:\bCONSTRAINT\s+(?P<name>\S+)\s+)?\bCHECK\s*(?=\()", re.IGNORECASE)
_GENERATED: Final = re.compile(r"\bAS\s*(?=\()", re.IGNORECASE)
_COLLATE: Final = re.compile(rf"\bCOLLATE\s+(?P<name>{_QUOTED}|\w+)", re.IGNORECASE)
_CONFLICT: Final = re.compile(r"\bON\s+CONFLICT\s+(\w+)", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"\bAUTOINCREMENT\b", re.IGNORECASE)
_MARK: Final = re.compile(r"[(),]")
_DEPTH: Final = {"(": 1, ")": -1}
_TARGET: Final = re.compile(rf"\bON\s+(?:{_QUOTED}|[^\s(]+)\s*(?=\()", re.IGNORECASE)


@contextmanager
def without_index_warnings() -> Iterator[None]:
    """Silence what SQLAlchemy says about indexes and checks it cannot read; they are read here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield


def read_indexes(connection: sa.Connection) -> dict[_Key, list[dict[str, Any]]]:
    """Read every index somebody made, in the inspector's form, with its definition."""
    # Asked for apart: a join looks through all statements for each index.
    made = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
    statements = {name: text or "" for name, text in made}
    rows = connection.exec_driver_sql(
        'SELECT t.name, l.name, l."unique", l.partial, x.name'
        " FROM sqlite_master t JOIN pragma_index_list(t.name, 'main') l"
        " JOIN pragma_index_xinfo(l.name, 'main') x"
        " WHERE t.type = 'table' AND l.origin = 'c' AND x.key = 1"
        " ORDER BY t.name, l.seq DESC, x.seqno"
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for table, name, is_unique, is_partial, column in rows:
        index = found.setdefault(
            (table, name),
            {
                "name": name,
                "unique": bool(is_unique),
                "is_partial": bool(is_partial),
                "column_names": [],
                "definition": _index_definition(statements[name]),
            },
        )
        # An expression has no name.
        index["column_names"].append(column)
    indexes: dict[_Key, list[dict[str, Any]]] = {}
    for (table, _), index in found.items():
        indexes.setdefault((None, table), []).append(index)
    return indexes


def read_statements(connection: sa.Connection) -> dict[str, str]:
    """Read the ``CREATE TABLE`` statements by table, without their comments."""
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
    )
    return {name: _COMMENT.sub(lambda m: m.group(1) or " ", text) for name, text in rows}


def list_checks(statement: str) -> list[dict[str, str | None]]:
    """List the checks of a ``CREATE TABLE`` statement, in the inspector's form."""
    masked = mask(statement)
    checks: list[dict[str, str | None]] = []
    for match in _CHECK.finditer(masked):
        is_named = match.group("name") is not None
        name = bare(statement[slice(*match.span("name"))]) if is_named else None
        checks.append({"name": name, "sqltext": enclosed(statement, masked, match.end())})
    return checks


def find_generated(statement: str, column: str) -> str | None:
    """Find the expression of a generated column in a ``CREATE TABLE`` statement."""
    definition = _find_definition(statement, column)
    masked = mask(definition)
    clause = _GENERATED.search(masked)
    return enclosed(definition, masked, clause.end()) if clause else None


def find_reference(statement: str, column: str) -> str:
    """Find what a column says of the foreign key it declares itself, in capital letters."""
    definition = without_parentheses(_find_definition(statement, column)).upper()
    return re.sub(r"\s+", " ", definition).partition("REFERENCES ")[2]


def find_collation(statement: str, column: str) -> str | None:
    """Find how a column compares text; ``None`` for byte by byte, as SQLite does untold."""
    if not _COLLATE.search(statement):
        return None
    definition = _find_definition(statement, column)
    # What stands in parentheses belongs to an expression.
    clause = _COLLATE.search(without_parentheses(definition))
    name = bare(clause.group("name")).upper() if clause else "BINARY"
    return None if name == "BINARY" else name


def find_numbering(statement: str) -> str:
    """Tell whether the numbers of deleted rows are never given again."""
    return "AUTOINCREMENT" if _NUMBERED.search(mask(statement)) else ""


def list_options(statement: str) -> tuple[str, ...]:
    """List what stands behind the columns of a table, and what its keys do on a conflict."""
    masked = mask(statement)
    start = masked.find("(")
    behind = without_parentheses(masked[start:]) if start >= 0 else ""
    options = [re.sub(r"\s+", " ", part).strip().upper() for part in behind.split(",")]
    conflicts = [f"ON CONFLICT {found.upper()}" for found in _CONFLICT.findall(masked)]
    return tuple(sorted(filter(None, [*options, *conflicts])))


def _index_definition(statement: str) -> str:
    """Keep the columns and the predicate, in one spelling of blanks and quotes."""
    text = _COMMENT.sub(lambda m: m.group(1) or " ", statement)
    target = _TARGET.search(text)
    body = text[target.end() :] if target else text
    return re.sub(r"\s+", " ", re.sub(r"[`\"\[\]]", "", body)).strip()


def mask(text: str) -> str:
    """Cover literals and quoted names, so that what they hold is taken for nothing else."""
    return re.sub(_QUOTED, lambda match: "_" * len(match.group()), text)


def bare(name: str) -> str:
    """Take the quotes off a name."""
    return name[1:-1] if name[:1] in ('"', "`", "[", "'") else name


def enclosed(text: str, masked: str, start: int) -> str:
    """Give what stands between the parenthesis at ``start`` and the one that closes it."""
    depth = 0
    for mark in _MARK.finditer(masked, start):
        depth += _DEPTH.get(mark.group(), 0)
        if depth == 0:
            return text[start + 1 : mark.start()].strip()
    return text[start + 1 :].strip()


def _find_definition(statement: str, column: str) -> str:
    """Find what is said of a column, without its name."""
    for definition in list_definitions(statement):
        name = NAME.match(definition)
        if name is not None and bare(name.group(1)).lower() == column.lower():
            return definition[name.end() :]
    return ""


def without_parentheses(text: str) -> str:
    """Leave out what stands in parentheses, and literals."""
    depth = 0
    kept = []
    for letter, masked in zip(text, mask(text), strict=True):
        depth += masked == "("
        if depth == 0:
            kept.append(letter)
        depth -= masked == ")"
    return "".join(kept)


def list_definitions(statement: str) -> Iterator[str]:
    """Split the body of a statement: columns, and what stands beside them."""
    masked = mask(statement)
    start = masked.find("(")
    return split(enclosed(statement, masked, start) if start >= 0 else "")


def split(text: str) -> Iterator[str]:
    """Split at the commas that stand in no parentheses."""
    depth, begin = 0, 0
    for mark in _MARK.finditer(mask(text)):
        depth += _DEPTH.get(mark.group(), 0)
        if mark.group() == "," and depth == 0:
            yield text[begin : mark.start()]
            begin = mark.end()
    yield text[begin:]
