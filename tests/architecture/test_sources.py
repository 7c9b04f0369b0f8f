"""Rules about the source that no linter knows: size, commits, PyDAL's private names, packages."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import APP, CLIENT, LIBRARY, ROOT, imports, modules, place

MODULE_LINES = 250
FUNCTION_LINES = 40
# Longer on purpose, with the reason. Anything else is split.
LONG_MODULES = {
    "packages/bilayer/src/bilayer/drift/findings.py": "the catalogue: a paragraph for each rule",
    "packages/bilayer/src/bilayer/drift/kinds.py": "tables of type names, engine by engine",
    "services/flask-backend/app/models.py": "the door: a word for each query, and no body",
    "services/flask-backend/app/usecases/personal_data.py": "a line for each table and column that"
    " people's data is in",
}
LONG_FUNCTIONS = {
    "services/flask-backend/app/__init__.py:create_app": "puts the application together, in one"
    " place and in order; half of it is imports",
}
# What each package of ours is built from.
FOLDERS = {
    APP: ROOT / "services/flask-backend",
    LIBRARY: ROOT / "packages/bilayer",
    CLIENT: ROOT / "clients/python",
}
# The requirement that brings each package whose import name is another one.
DISTRIBUTIONS = {
    "argon2": "argon2-cffi",
    "flask_openapi3_swagger": "flask-openapi3",
    "psycopg2": "psycopg2-binary",
    "pydantic_core": "pydantic",
    "yaml": "pyyaml",
}


def test_no_module_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in modules()}

    too_long = {name for name, lines in lengths.items() if lines > MODULE_LINES}

    assert too_long == set(LONG_MODULES)


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = {
        f"{place(path)}:{node.name}"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of_code(node) > FUNCTION_LINES
    }

    assert too_long == set(LONG_FUNCTIONS)


def lines_of_code(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function; its docstring may be as long as it needs."""
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    documented = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - documented


def test_only_the_runtime_of_the_library_commits_or_rolls_back() -> None:
    allowed = (LIBRARY / "runtime", LIBRARY / "migrate", LIBRARY / "drift")

    ends = [
        place(path, node)
        for path, tree in modules().items()
        if not any(path.is_relative_to(folder) for folder in allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
    ]

    assert ends == []


def test_one_module_alone_imports_the_private_names_of_pydal() -> None:
    private = {
        place(path)
        for path, tree in modules().items()
        for name, _ in imports(tree)
        if name.startswith("pydal.")
    }

    assert private == {place(LIBRARY / "runtime/pydal_compat.py")}


@pytest.mark.parametrize("path", modules(), ids=place)
def test_every_module_says_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(modules()[path])


@pytest.mark.parametrize("package", FOLDERS, ids=lambda package: package.name)
def test_every_package_that_the_product_imports_is_declared(package: Path) -> None:
    imported = {
        name
        for path, tree in modules().items()
        if path.is_relative_to(package)
        for name, _ in imports(tree)
    }

    assert undeclared(imported - {package.name}, declared(FOLDERS[package])) == set()


def test_the_client_needs_nothing_but_the_standard_library() -> None:
    imported = {
        name.partition(".")[0]
        for path, tree in modules().items()
        if path.is_relative_to(CLIENT)
        for name, _ in imports(tree)
    }

    assert imported - sys.stdlib_module_names == {"offline_store"}


def test_every_package_that_tests_and_scripts_import_is_declared() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    development = {text for group in groups.values() for text in group if isinstance(text, str)}
    product = {name for folder in FOLDERS.values() for name in declared(folder)}
    paths = [path for folder in ("tests", "scripts") for path in (ROOT / folder).rglob("*.py")]
    # The projects that the drift check is tried on are not ours.
    ours = [path for path in paths if not {"projects", "examples"} & set(path.parts[:-2])]

    imported = {name for path in ours for name, _ in imports(ast.parse(path.read_text()))}

    assert undeclared(imported, product | distributions(development)) == set()


def declared(folder: Path) -> set[str]:
    """Name the distributions that a package depends on, extras included."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    return distributions(
        {*project["dependencies"], *(t for group in extras.values() for t in group)}
    )


def distributions(requirements: set[str]) -> set[str]:
    """Reduce requirements to the names of what they ask for."""
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def undeclared(imported: set[str], declared: set[str]) -> set[str]:
    """Find imports from outside that no declared distribution gives."""
    known = {*sys.stdlib_module_names, "app", "bilayer", "offline_store", "scripts", "tests"}
    tops = {name.partition(".")[0] for name in imported} - known
    return {top for top in tops if canonicalize_name(DISTRIBUTIONS.get(top, top)) not in declared}
