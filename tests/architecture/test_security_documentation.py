"""docs/security.md is held to its word: every item is there, and every test it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import APP, ROOT, imports, modules, place

PAGE = (ROOT / "docs/security.md").read_text()
ROW = re.compile(
    r"^\| (\d[\d., ]*) \| ([123, ]+) \| (.*?) \| ([a-z ]+) \| (.*?) ?\|$", re.MULTILINE
)
STATES = {"met", "partly", "not met", "does not apply"}
# The items of ASVS 5.0, levels 1 and 2, that apply to a service like this one.
ITEMS = re.findall(
    r"[\d.]+",
    """
    1.2.4 1.3.6 1.4.2 1.5.2 2.2.1 2.2.2 2.3.1 2.3.3 2.3.4 2.4.1
    3.4.1 3.4.2 3.4.3 3.4.4 3.4.5 3.4.6 4.1.1 4.1.3 4.2.1 5.2.1 5.2.3
    6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.2.9 6.2.10 6.2.11 6.2.12
    6.3.1 6.3.3 6.4.1 6.4.2 6.4.3 6.5.1 6.6.2 6.6.3
    7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.4 7.4.5 7.5.1 7.5.2
    8.2.1 8.2.2 8.2.3 8.4.1 9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3 9.2.4
    11.4.2 11.5.1 12.2.1 12.3.1 12.3.2 13.2.2 13.2.4 13.3.1 13.3.2 13.4.2 13.4.5
    14.2.1 14.3.2 15.1.2 15.2.1 15.3.1 15.3.2 15.3.3 15.3.4 15.3.5 15.3.7
    16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.5.1 16.5.2 16.5.3
    """,
)
CLIENTS = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "urllib.request", "urllib3"}
READERS = {"dill", "jsonpickle", "marshal", "pickle", "shelve", "yaml"}
RANDOM = {APP / "breaker.py"}


def rows() -> list[tuple[list[str], str, str]]:
    """Return the items of each row, its state and what it is shown by."""
    return [
        (items.split(", "), state, evidence) for items, _, _, state, evidence in ROW.findall(PAGE)
    ]


@cache
def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_of_the_table_is_read() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| \d", line)]

    assert len(rows()) == len(lines)
    assert {state for _, state, _ in rows()} <= STATES


def test_every_item_is_listed_once() -> None:
    listed = [item for items, _, _ in rows() for item in items]

    assert [item for item in ITEMS if item not in listed] == []
    assert sorted(set(listed)) == sorted(listed)


def test_what_is_said_to_be_met_is_shown() -> None:
    unshown = [items for items, state, evidence in rows() if state == "met" and "`" not in evidence]

    assert unshown == []


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:tests|scripts)/[^` ]*)`", PAGE))))
def test_every_test_that_is_named_exists(name: str) -> None:
    path, _, function = name.partition("::")

    assert (ROOT / path).is_file()
    assert not function or function in functions(ROOT / path)


def test_what_is_not_met_is_told_above_the_table() -> None:
    told = PAGE.partition("## Not met")[2].partition("## ")[0]
    open_items = {
        item for items, state, _ in rows() if state in ("partly", "not met") for item in items
    }

    # Level 3 is not the measure.
    assert {item for item in open_items if item not in told} <= {"6.3.8"}


def serving() -> dict[Path, ast.Module]:
    """Return the modules of the service, without the commands that an operator types."""
    commands = (APP / "cli", APP / "operations")
    return {
        path: tree
        for path, tree in modules().items()
        if path.is_relative_to(APP) and not any(path.is_relative_to(folder) for folder in commands)
    }


def test_the_service_sends_no_request_anywhere() -> None:
    found = [
        place(path, node)
        for path, tree in serving().items()
        for name, node in imports(tree)
        if name in CLIENTS or name.partition(".")[0] in CLIENTS
    ]

    assert found == []


def test_nothing_is_read_that_could_run() -> None:
    found = [
        place(path, node)
        for path, tree in modules().items()
        for name, node in imports(tree)
        if name.partition(".")[0] in READERS
    ]
    found += [
        place(path, node)
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"eval", "exec", "__import__"}
    ]

    assert found == []


def test_only_waits_are_random_in_a_way_that_can_be_guessed() -> None:
    using = {
        path for path, tree in serving().items() for name, _ in imports(tree) if name == "random"
    }

    assert using <= RANDOM
