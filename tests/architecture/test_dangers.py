"""What no module may do, because one careless line would let somebody in."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import APP, imports, modules, place

SQL_TAKERS = frozenset({"exec_driver_sql", "execute", "executemany", "executesql", "text"})
PASTED = "packages/bilayer/src/bilayer/"
"""The library writes SQL, from names that it quotes; its own tests watch it."""
SPREADING = frozenset({"services/flask-backend/app/breaker.py"})
"""Modules whose chance spreads load, and hides nothing."""
VERDICTS = {
    "db.executesql('SELECT 1')": False,
    "db.executesql(QUESTION, [word])": False,
    "db.executesql(f'SELECT {word}')": True,
    "db.executesql('SELECT ' + word)": True,
    "connection.execute(text('SELECT %s' % word))": True,
    "cursor.execute('SELECT {}'.format(word))": True,
    "cursor.execute(' '.join(words))": True,
}


def pasted_statements(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that are given SQL put together from parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in SQL_TAKERS and node.args:
            statement = node.args[0]
            is_built = isinstance(statement, ast.Call) and _name(statement.func) in (
                "format",
                "join",
            )
            if is_built or isinstance(statement, ast.JoinedStr | ast.BinOp):
                yield node


def _name(function: ast.expr) -> str:
    return str(getattr(function, "attr", None) or getattr(function, "id", ""))


@pytest.mark.parametrize("source", VERDICTS)
def test_pasted_sql_is_recognised(source: str) -> None:
    assert any(pasted_statements(ast.parse(source))) is VERDICTS[source]


def test_no_sql_is_pasted_together() -> None:
    found = [
        place(path, node)
        for path, tree in modules().items()
        if not place(path).startswith(PASTED)
        for node in pasted_statements(tree)
    ]

    assert found == []


def test_nothing_of_the_service_draws_from_a_guessable_source() -> None:
    guessable = [
        place(path, node)
        for path, tree in modules().items()
        if path.is_relative_to(APP) and place(path) not in SPREADING
        for name, node in imports(tree)
        if name.partition(".")[0] == "random"
    ]

    assert guessable == []


def test_no_signature_is_compared_in_a_time_that_tells_it() -> None:
    """``==`` ends at the first byte that differs; ``hmac.compare_digest`` does not."""
    secret = ("signature", "mac")
    found = [
        place(path, node)
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(_name(side) in secret for side in (node.left, *node.comparators))
    ]

    assert found == []
