"""The papers keep their word: complete pages, links that lead somewhere, commands that there are.

What can be run is run elsewhere: the README in tests/scripts, operations in tests/operations.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from app import create_app
from app.api.access import access_of
from app.cli import main
from app.config import Settings
from app.models import close_db
from tests.architecture.documents import Block, anchors, blocks, links, pages
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs/api.md").read_text()
ROW = re.compile(r"^\| `([A-Z]+) (/api/v1/\S*)` \| (\w+) \|", re.MULTILINE)
SHELL = [b for page in pages() for b in blocks(page) if b.language in ("sh", "console")]


def test_the_routes_of_the_page_are_those_of_the_service(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    close_db()

    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"), str(access_of(view)))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if (view := app.view_functions[rule.endpoint])
    }

    assert set(ROW.findall(PAGE)) == served


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [
        f"{path}#{anchor}"
        for path, anchor in links(page)
        for target in [(page.parent / path).resolve() if path else page]
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert broken == []


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_command_is_well_formed_and_exists(block: Block) -> None:
    text = commands(block)
    checked = subprocess.run(
        ["bash", "-n"], input=text, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
    groups = "|".join(main.commands)
    for words in re.findall(rf"(?m)(?:^|\s|/)backend ((?:{groups})\b.*)$", text):
        require_command(shlex.split(words, comments=True))
    for path in re.findall(r"(?<![\w/.])((?:scripts|services|monitoring|docs)/[\w./-]+)", text):
        assert (ROOT / path).exists(), path


def test_every_file_in_a_sentence_exists() -> None:
    folders = "alembic|compose|docs|monitoring|packages|requirements|scripts|services|tests"
    missing = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages()
        if page.name != "seeds.md"  # It says also what is planned.
        for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", page.read_text())
        if not (ROOT / name).exists()
    }

    assert missing == set()


def test_every_command_in_a_sentence_exists() -> None:
    for page in pages():
        for words in re.findall(r"`(?:\.venv/bin/)?backend ([a-z][^`<.]*)`", page.read_text()):
            require_command(words.split())


def commands(block: Block) -> str:
    """Return what is typed, without the prompt and without what is printed."""
    if block.language == "sh" or "$ " not in block.text:
        return block.text
    return "\n".join(re.findall(r"^\$ (.*)$", block.text, re.MULTILINE))


def require_command(words: list[str]) -> None:
    """Find the command that the words name, and each option they give it."""
    command: click.Command = main
    while isinstance(command, click.Group):
        if not words:
            return  # A sentence about the whole group.
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    options = {name for one in command.params for name in one.opts} | {"-h", "--help"}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= options, f"{command.name} has no {given - options}"
