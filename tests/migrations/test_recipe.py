"""The recipe "change a table" of CONTRIBUTING.md, followed in a copy of the project."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.bilayer.migrate.project import only
from tests.migrations.catalog import read_catalog
from tests.migrations.test_command_line import ROOT, alembic, run_script, said_after

MODEL = "services/flask-backend/app/db/tables/accounts.py"
LAST_COLUMN = (
    '    version: Mapped[int] = mapped_column(sa.BigInteger(), server_default=sa.text("0"))\n'
)
WRITE = "revision --autogenerate -m add_pronouns_to_profiles"
HELPER = "from bilayer.migrate import commits_each_statement\n"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    """The Python of the recipe: the model's line, the revision's body, the twin's line."""
    recipe = (ROOT / "CONTRIBUTING.md").read_text().split("## Change a table")[1].split("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", recipe, re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def write_revision(checkout: Path, url: str, model_line: str) -> Path:
    """Add the column to the model of a migrated database, and let Alembic write the revision."""
    model = checkout / MODEL
    text = model.read_text()
    assert text.count(LAST_COLUMN) == 1
    line = textwrap.indent(model_line, "    ")
    model.write_text(text.replace(LAST_COLUMN, LAST_COLUMN + line))
    alembic(checkout, url, "upgrade head", WRITE)
    [written] = (checkout / "alembic/versions").glob("*add_pronouns_to_profiles*")
    return written


@pytest.mark.parametrize("is_finished", [False, True], ids=["draft", "finished"])
def test_revision_of_the_recipe_can_be_undone_and_repeated(
    checkout: Path, empty_database_url: str, blocks: list[str], *, is_finished: bool
) -> None:
    url = empty_database_url
    revision = write_revision(checkout, url, blocks[0])
    if is_finished:
        head = revision.read_text().split("def upgrade()")[0]
        head = head.replace("import sqlalchemy", f"{HELPER}import sqlalchemy")
        revision.write_text(head + blocks[1])
    before = read_catalog(url)

    output = alembic(checkout, url, "upgrade head", "check")
    after = read_catalog(url)
    alembic(checkout, url, "downgrade -1")
    undone = read_catalog(url)
    alembic(checkout, url, "upgrade head")

    assert "No new upgrade operations" in said_after("check", output)
    assert undone == before
    assert read_catalog(url) == after != before


@only("sqlite", "postgresql")
def test_revision_of_the_recipe_prints_as_a_script(
    checkout: Path, empty_database_url: str, blocks: list[str]
) -> None:
    draft = write_revision(checkout, empty_database_url, blocks[0])

    assert_printed_as_it_runs(checkout, empty_database_url, draft)


@only("sqlite", "postgresql")
def test_example_of_a_batch_runs_and_prints_as_a_script(
    checkout: Path, empty_database_url: str
) -> None:
    section = (ROOT / "docs/migrations.md").read_text().split("\n## SQLite\n")[1]
    example = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[1]
    alembic(checkout, empty_database_url, "upgrade head", "revision -m check_failed")
    [written] = (checkout / "alembic/versions").glob("*check_failed*")
    head = written.read_text().split("def upgrade()")[0]
    written.write_text(f"{head}from bilayer import types\n\n\n{example}")

    assert_printed_as_it_runs(checkout, empty_database_url, written)


def assert_printed_as_it_runs(checkout: Path, url: str, revision: Path) -> None:
    text = revision.read_text()
    new, old = re.findall(r"^(?:down_)?revision = ['\"](\w+)", text, re.MULTILINE)
    up, down = f"upgrade {old}:{new} --sql", f"downgrade {new}:{old} --sql"
    before = read_catalog(url)
    printed = alembic(checkout, url, up, down)

    run_script(url, said_after(up, printed))
    made = read_catalog(url)
    run_script(url, said_after(down, printed))

    assert read_catalog(url) == before
    alembic(checkout, url, "upgrade head")
    assert read_catalog(url) == made != before
    alembic(checkout, url, "downgrade -1")
    assert read_catalog(url) == before


@only("sqlite")
def test_finished_revision_is_the_draft_that_can_be_repeated(
    checkout: Path, empty_database_url: str, blocks: list[str]
) -> None:
    draft = write_revision(checkout, empty_database_url, blocks[0]).read_text()

    repeatable = re.compile(r",?\s*if_(not_)?exists=commits_each_statement\(\),?")
    finished = repeatable.sub("", blocks[1])

    assert squeeze(draft.split("def upgrade()")[1]) == squeeze(finished.split("def upgrade()")[1])


def squeeze(source: str) -> str:
    """Leave out what a formatter and the template add, which are spaces, comments and quotes."""
    return re.sub(r'\s|"""[^"]*"""|#.*|,(?=\s*\))', "", source).replace("'", '"')
