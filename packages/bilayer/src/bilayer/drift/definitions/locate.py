"""Where in the source a table or column is written: file and line, found in the syntax tree.

Runs nothing. Looks at the modules that are loaded and lie outside the library folders.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bilayer.drift.definitions.mapped import find_tables, list_modules
from bilayer.drift.operations.statements import list_named
from bilayer.drift.snapshot import Place

_COLUMN_CALLS = frozenset({"Column", "mapped_column", "relationship", "column"})
_FIELD_CALLS = frozenset({"Field"})
_DEFINE = "define_table"
_LOOKED_AT = (ast.Call, ast.ClassDef, ast.FunctionDef)
_EXECUTE = frozenset({"execute", "text", "exec_driver_sql", "DDL"})


@dataclasses.dataclass(slots=True)
class SourceMap:
    """Lines of tables and columns, by (table,) and (table, column)."""

    lines: dict[tuple[str, ...], str] = dataclasses.field(default_factory=dict)

    def find(self, table: str | None, column: str | None = None) -> str | None:
        """Find the line of a column, or else of its table."""
        if table is None:
            return None
        bare = table.rpartition(".")[2]
        places = [(table, column), (bare, column)] if column else []
        for key in [*places, (table,), (bare,)]:
            if key in self.lines:
                return self.lines[key]
        return None

    def note(self, key: tuple[str, ...], path: str, line: int) -> None:
        """Keep the first place of a key."""
        self.lines.setdefault(key, f"{path}:{line}")


def map_models(first: Iterable[Path] = ()) -> SourceMap:
    """Map ``Table(...)`` calls and model classes; files in ``first`` win over others."""
    found = SourceMap()
    own, lent = find_tables(list_modules())
    for path in _list_sources(first):
        for node in _parse(path, ("Column(", "mapped_column(")):
            if isinstance(node, ast.ClassDef):
                key = (str(path), node.name)
                _note_class(found, node, str(path), own.get(key, ()), lent.get(key, ()))
            elif isinstance(node, ast.Call):
                _note_table_call(found, node, str(path), "Table", _COLUMN_CALLS)
    return found


def map_runtime(first: Iterable[Path], places: Mapping[str, Place] | None = None) -> SourceMap:
    """Map ``define_table(...)`` calls and the fields in them.

    Args:
        first: Files that win over others.
        places: Where each table was seen to be defined, by its name. A call at that place that
            names the table is the only one looked into. Where the name there is computed, another
            ``define_table`` that writes it out belongs to another DAL, and only a project's own
            function that was given the name can say more.
    """
    found = SourceMap()
    recorded = places or {}
    settled = {name for name, place in recorded.items() if _note_recorded(found, name, place)}
    for path in _list_sources(first):
        for node in _parse(path, ("define_table",)):
            if not isinstance(node, ast.Call):
                continue
            name = _first_text(node)
            is_elsewhere = name in recorded and _called(node) == _DEFINE
            if name not in settled and not is_elsewhere:
                _note_table_call(found, node, str(path), _DEFINE, _FIELD_CALLS)
    for name, place in recorded.items():
        found.note((name,), place.path, place.line)
    return found


def _note_recorded(found: SourceMap, name: str, place: Place) -> bool:
    """Note the call at the place a table was defined, if it names the table."""
    for node in _parse(Path(place.path), (_DEFINE,)):
        if not isinstance(node, ast.Call) or _called(node) != _DEFINE:
            continue
        is_there = node.lineno <= place.line <= (node.end_lineno or node.lineno)
        if is_there and _first_text(node) == name:
            _note_table_call(found, node, place.path, _DEFINE, _FIELD_CALLS)
            return True
    return False


def map_revisions(paths: Iterable[str]) -> SourceMap:
    """Map the last ``op.`` call on each table and column; ``paths`` from first to last revision."""
    found = SourceMap()
    for path in paths:
        for node in _parse(Path(path), ("op.",)):
            if isinstance(node, ast.FunctionDef) and node.name == "upgrade":
                _note_operations(found, node, path)
    return found


def _list_sources(first: Iterable[Path]) -> Iterator[Path]:
    """List the given files, then every loaded module's file outside the libraries."""
    seen: set[Path] = set()
    for path in [*first, *_list_loaded()]:
        if path not in seen and path.suffix == ".py" and path.is_file():
            seen.add(path)
            yield path


def _list_loaded() -> Iterator[Path]:
    return (Path(str(module.__file__)) for module in list_modules())


def _parse(path: Path, marks: tuple[str, ...]) -> Sequence[ast.AST]:
    """List the classes, functions and calls of a file that has one of the marks, in their order."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return ()
    return _parse_text(path, stamp, marks)


# Every check goes through all files in one order: a cache a file too small would never hit.
@functools.lru_cache(maxsize=8192)
def _parse_text(path: Path, _stamp: int, marks: tuple[str, ...]) -> Sequence[ast.AST]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text) if any(mark in text for mark in marks) else None
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, _LOOKED_AT)) if tree else ()


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _text(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _first_text(node: ast.Call) -> str | None:
    return _text(node.args[0]) if node.args else None


def _note_table_call(
    found: SourceMap, node: ast.Call, path: str, call: str, columns: frozenset[str]
) -> None:
    """Note a call that defines a table: by its name, or by what stands in it (a project's own)."""
    name = _first_text(node)
    if name is None or _called(node) in columns:
        return
    inner = [each for each in ast.walk(node) if isinstance(each, ast.Call) and each is not node]
    defined = [each for each in inner if _called(each) in columns]
    if not (_called(node) == call or defined):
        return
    found.note((name,), path, node.lineno)
    for each in defined:
        column = _first_text(each)
        if column is not None:
            found.note((name, column), path, each.lineno)


def _note_class(
    found: SourceMap, node: ast.ClassDef, path: str, own: Sequence[str], lent: Sequence[str]
) -> None:
    """Note a class for the table it names or stands for; of a mixin, the columns alone."""
    written = [_text(a.value) for a in _assignments(node) if _is(a, "__tablename__")]
    names = [name for name in dict.fromkeys([*written, *own]) if name]
    for name in names:
        found.note((name,), path, node.lineno)
    for name in (*names, *lent):
        for assignment in _assignments(node):
            target, value = assignment.target, assignment.value
            if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                column = _first_text(value) if _called(value) in _COLUMN_CALLS else None
                found.note((name, column or target.id), path, assignment.lineno)


@dataclasses.dataclass(frozen=True, slots=True)
class _Assignment:
    target: ast.expr
    value: ast.expr | None
    lineno: int


def _assignments(node: ast.ClassDef) -> Iterator[_Assignment]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            yield _Assignment(statement.target, statement.value, statement.lineno)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield _Assignment(target, statement.value, statement.lineno)


def _is(assignment: _Assignment, name: str) -> bool:
    return isinstance(assignment.target, ast.Name) and assignment.target.id == name


def _note_operations(found: SourceMap, function: ast.FunctionDef, path: str) -> None:
    """Note every call that begins with a table's name: ``op.`` calls, and a project's own."""
    batches: dict[int, str] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.With):
            _note_batch(batches, node)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _called(node) not in _COLUMN_CALLS:
            _note_operation(found, node, batches.get(id(node)), path)


def _note_operation(found: SourceMap, node: ast.Call, batch: str | None, path: str) -> None:
    texts = [_text(argument) for argument in node.args]
    if _called(node) in _EXECUTE and texts and texts[0] is not None:
        for name in list_named(texts[0]):
            found.lines[(name,)] = f"{path}:{node.lineno}"
        return
    # op.create_index and op.create_foreign_key name the index or constraint first.
    is_named = _called(node).startswith("create_") and len(texts) > 1 and texts[1] is not None
    table = batch or texts[int(is_named)] if batch or texts else None
    if table is None:
        return
    found.lines[(table,)] = f"{path}:{node.lineno}"
    for argument in node.args if batch else node.args[1:]:
        column = _first_text(argument) if isinstance(argument, ast.Call) else _text(argument)
        if column is not None:
            found.lines[table, column] = f"{path}:{argument.lineno}"


def _note_batch(batches: dict[int, str], node: ast.With) -> None:
    """Note which calls stand inside ``with op.batch_alter_table("t")``."""
    call = node.items[0].context_expr
    table = _first_text(call) if isinstance(call, ast.Call) else None
    if table is None:
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and inner is not call:
            batches[id(inner)] = table
