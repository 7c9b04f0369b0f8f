"""The product's source files, parsed once for the tests that read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "services/flask-backend/app"
LIBRARY = ROOT / "packages/bilayer/src/bilayer"
CLIENT = ROOT / "clients/python/src/offline_store"


@cache
def modules() -> dict[Path, ast.Module]:
    """Parse every module of the service, of the library and of the client."""
    paths = sorted(path for package in (APP, LIBRARY, CLIENT) for path in package.rglob("*.py"))
    return {path: ast.parse(path.read_text(), str(path)) for path in paths}


def place(path: Path, node: ast.AST | None = None) -> str:
    """Name a place in the source as an editor opens it."""
    line = f":{getattr(node, 'lineno', '')}" if node is not None else ""
    return f"{path.relative_to(ROOT)}{line}"


def imports(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield the full name of each module that is imported from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node
