"""Edits of PyDAL source that keep what is not their business: comments, order, style.

Knows ``define_table`` and ``Field`` calls with literal names, and nothing of what is compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor

from bilayer.drift.definitions.calls import (
    called_name,
    inserted,
    merged,
    replaced,
    text_of,
    with_argument,
    without,
)
from bilayer.drift.definitions.lines import VALIDATORS

TABLE_ARGUMENTS = frozenset({"primarykey", "migrate", "rname"})


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """One change of one table's definition.

    Attributes:
        table: The name its ``define_table`` call gives.
        field: The field that is meant; None: the table.
        text: What the source is to say: ``Field(...),``, ``name=value`` or, behind a minus, what
            is to go.
        keeps_default: A default that the field has wins over the text's.
    """

    table: str
    field: str | None
    text: str
    keeps_default: bool = True


class CannotEdit(ValueError):
    """An edit finds nothing in the source that it could change."""


def names_in(source: str) -> list[str]:
    """List the tables that a source defines by literal names."""
    found: list[str] = []

    class Finder(cst.CSTVisitor):
        def visit_Call(self, node: cst.Call) -> None:  # noqa: N802 - libcst's name
            name = _table_of(node)
            if name is not None:
                found.append(name)

    cst.parse_module(source).visit(Finder())
    return found


def edit_source(source: str, edits: Sequence[Edit]) -> str:
    """Give a source with its definitions changed.

    Raises:
        CannotEdit: A table is not defined there by its literal name, or lacks the field.
    """
    by_table: dict[str, list[Edit]] = {}
    for edit in edits:
        by_table.setdefault(edit.table, []).append(edit)
    editor = _Editor(by_table)
    changed = cst.parse_module(source).visit(editor)
    missing = by_table.keys() - editor.met
    if missing:
        message = f"no define_table call names {', '.join(sorted(missing))}"
        raise CannotEdit(message)
    return _import_names(changed, [edit.text for edit in edits]).code


def _import_names(
    module: cst.Module, written: Sequence[str], library: str | None = None
) -> cst.Module:
    """Import what written definitions use: PyDAL's validators, and ``Field`` from a library."""
    context = CodemodContext()
    if library is not None:
        AddImportsVisitor.add_needed_import(context, library, "Field")
    calls = [module.code, "".join(written)]
    needed = [name for name in VALIDATORS if all(f"{name}(" in each for each in calls)]
    for name in needed:
        AddImportsVisitor.add_needed_import(context, "pydal.validators", name)
    if library is None and not needed:
        return module
    return AddImportsVisitor(context).transform_module(module)


def add_tables(source: str, function: str, definitions: Sequence[str], library: str) -> str:
    """Give a source in which a function defines more tables at its end.

    Args:
        source: Has the function at its top level.
        function: Its name; its first parameter is the DAL.
        definitions: ``db.define_table(...)`` calls.
        library: Where ``Field`` comes from, if the source has not imported it.

    Raises:
        CannotEdit: There is no such function.
    """
    module = cst.parse_module(source)
    adder = _Adder(function, definitions)
    changed = module.visit(adder)
    if not adder.is_done:
        message = f"there is no function {function} to add tables to"
        raise CannotEdit(message)
    return _import_names(changed, definitions, library).code


class _Editor(cst.CSTTransformer):
    def __init__(self, edits: Mapping[str, Sequence[Edit]]) -> None:
        self._edits = edits
        self.met: set[str] = set()

    def leave_Call(  # noqa: N802 - libcst's name
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.BaseExpression:
        name = _table_of(original_node) or ""
        self.met.add(name)
        for edit in self._edits.get(name, ()):
            updated_node = _apply(updated_node, edit)
        return updated_node

    def leave_SimpleStatementLine(  # noqa: N802 - likewise
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        statement = original_node.body[0]
        value = statement.value if isinstance(statement, cst.Expr | cst.Assign) else None
        name = _table_of(value) if isinstance(value, cst.Call) else None
        is_gone = any(
            edit.text.startswith("- db.define_table") for edit in self._edits.get(name or "", ())
        )
        return cst.RemoveFromParent() if is_gone else updated_node


class _Adder(cst.CSTTransformer):
    def __init__(self, function: str, definitions: Sequence[str]) -> None:
        self._function = function
        self._definitions = definitions
        self.is_done = False

    def leave_FunctionDef(  # noqa: N802 - likewise
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        parameters = original_node.params.params or original_node.params.posonly_params
        if original_node.name.value != self._function or not parameters:
            return updated_node
        dal = parameters[0].name.value
        statements = [
            cst.parse_statement(text.replace("db.define_table(", f"{dal}.define_table(", 1))
            for text in self._definitions
        ]
        self.is_done = True
        body = updated_node.body
        if isinstance(body, cst.IndentedBlock):
            kept = [each for each in body.body if not _is_pass(each)]
            return updated_node.with_changes(body=body.with_changes(body=[*kept, *statements]))
        return updated_node.with_changes(body=cst.IndentedBlock(body=statements))


def _is_pass(node: cst.BaseStatement) -> bool:
    return isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.Pass)


def _apply(call: cst.Call, edit: Edit) -> cst.Call:
    for line in edit.text.splitlines():
        text = line.strip().rstrip(",")
        if not text or text.startswith(("#", "- db.define_table")):
            continue
        if text.startswith("- Field("):
            call = _without(call, edit)
        elif text.startswith("Field("):
            call = _with_field(call, edit, text)
        else:
            call = _with_argument(call, edit, text)
    return call


def _without(call: cst.Call, edit: Edit) -> cst.Call:
    return without(call, _require_field(call, edit))


def _with_field(call: cst.Call, edit: Edit, text: str) -> cst.Call:
    new = cst.parse_expression(text)
    assert isinstance(new, cst.Call)  # noqa: S101 - the text of a fix
    place = _place_of(call, edit.field) if edit.field else None
    if place is None:
        place = _place_of(call, text_of(new.args[0].value))
    if place is not None:
        old = call.args[place].value
        assert isinstance(old, cst.Call)  # noqa: S101 - found as one
        value = merged(old, new, keep_default=edit.keeps_default)
        return replaced(call, place, call.args[place].with_changes(value=value))
    fields = [n for n, arg in enumerate(call.args) if arg.keyword is None]
    return inserted(call, fields[-1] + 1, new)


def _with_argument(call: cst.Call, edit: Edit, text: str) -> cst.Call:
    parsed = cst.parse_expression(f"f({text})")
    assert isinstance(parsed, cst.Call)  # noqa: S101 - the text of a fix
    (argument,) = parsed.args
    name = argument.keyword.value if argument.keyword else ""
    if edit.field is None or (name in TABLE_ARGUMENTS and name != "rname"):
        return with_argument(call, argument)
    place = _require_field(call, edit)
    field = call.args[place].value
    assert isinstance(field, cst.Call)  # noqa: S101 - found as one
    return replaced(
        call, place, call.args[place].with_changes(value=with_argument(field, argument))
    )


def _require_field(call: cst.Call, edit: Edit) -> int:
    place = _place_of(call, edit.field)
    if place is None:
        message = f"{edit.table} has no Field called {edit.field} in its define_table call"
        raise CannotEdit(message)
    return place


def _place_of(call: cst.Call, name: str | None) -> int | None:
    for place, arg in enumerate(call.args):
        value = arg.value
        is_field = isinstance(value, cst.Call) and called_name(value) == "Field" and value.args
        if is_field and text_of(value.args[0].value) == name:  # type: ignore[attr-defined]  # a Call, as is_field says
            return place
    return None


def _table_of(node: cst.Call) -> str | None:
    """Give the name of the table that a call defines, None if it defines none."""
    if called_name(node) != "define_table" or not node.args:
        return None
    return text_of(node.args[0].value)
