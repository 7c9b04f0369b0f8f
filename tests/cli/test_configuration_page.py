"""docs/configuration.md has every setting once, with the default and the words it really has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from app.config import SECRETS, Settings
from tests.support.databases import ROOT

PAGE = (ROOT / "docs/configuration.md").read_text()
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) ?\|$", re.MULTILINE)
TESTS = PAGE.index("\n## Tests")
ROWS = {name: (default, meaning) for name, default, meaning in ROW.findall(PAGE[:TESTS])}
FIELDS = Settings.model_fields


def written(default: Any) -> str | None:
    """Spell a default as the page does; None for one that is told in words."""
    if default in (None, "") or isinstance(default, Path):
        return None
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def words(annotation: Any) -> set[str]:
    """List the words that a setting accepts, if they are a list."""
    found: set[str] = set()
    for part in get_args(annotation):
        found |= {part} if isinstance(part, str) else words(part)
    return found


def test_page_has_each_setting_once_and_no_other() -> None:
    assert sorted(name for name, *_ in ROW.findall(PAGE[:TESTS])) == sorted(map(str.upper, FIELDS))


@pytest.mark.parametrize("name", FIELDS)
def test_default_on_the_page_is_the_real_one(name: str) -> None:
    default, _ = ROWS[name.upper()]
    real = written(FIELDS[name].default)

    assert default == real if real else not re.fullmatch("`[^`]*`|", default)


@pytest.mark.parametrize("name", FIELDS)
def test_page_has_every_word_that_a_setting_accepts(name: str) -> None:
    _, meaning = ROWS[name.upper()]

    assert {word for word in words(FIELDS[name].annotation) if f"`{word}`" not in meaning} == set()


def test_page_lists_the_secrets_that_may_stand_in_files() -> None:
    section = PAGE.split("\n## Secrets as files\n")[1].partition(" may each be given")[0]

    assert set(re.findall("`([A-Z_]+)`", section)) == {name.upper() for name in SECRETS}
