"""How the revisions are written: one chain, dated files, no application, a way back."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import Script

from bilayer import migrate
from tests.migrations.catalog import read_catalog
from tests.migrations.rows import SINGLE, Columns, read_columns, refill

CHANGED = {
    # It numbers rows that had no number, and so begins an epoch.
    "60c9b5e3d714": {
        *((table, "version") for table in ("history", "profiles", "user_consents")),
        *(("sync_heads", name) for name in ("user_id", "version", "epoch", "floor", "changed_at")),
        *(("installation", name) for name in ("epoch", "raised_at")),
    },
}
"""The columns that a revision is there to change."""


def test_there_is_one_head(config: Config, revisions: list[Script]) -> None:
    assert migrate.head(config) == revisions[-1].revision


def test_files_sort_by_the_date_in_their_name_as_they_follow_each_other(
    revisions: list[Script],
) -> None:
    names = [Path(revision.path).name for revision in revisions]

    assert names == sorted(names)
    for revision, name in zip(revisions, names, strict=True):
        assert re.fullmatch(rf"\d{{8}}_\d{{4}}_[a-z0-9_]+_{revision.revision}\.py", name)
        assert re.fullmatch(r"[0-9a-f]{12}", revision.revision)


def test_revisions_import_nothing_of_the_application(revisions: list[Script]) -> None:
    for revision in revisions:
        tree = ast.parse(Path(revision.path).read_text())

        imported = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        }

        assert not any(str(name).partition(".")[0] == "app" for name in imported), revision.path


def test_alembic_folder_does_not_hide_the_library(config: Config) -> None:
    assert not Path(str(config.get_main_option("script_location")), "__init__.py").exists()


def test_each_revision_can_be_undone_without_a_trace(
    config: Config, revisions: list[Script], empty_database_url: str
) -> None:
    url = empty_database_url
    before = read_catalog(url)
    for revision in revisions:
        migrate.upgrade(config, revision.revision, url=url)
        after = read_catalog(url)
        migrate.downgrade(config, "-1", url=url)

        assert read_catalog(url) == before, f"{revision.path} downgrades to something else"

        migrate.upgrade(config, revision.revision, url=url)
        assert read_catalog(url) == after, f"{revision.path} upgrades to something else now"
        before = after


def test_rows_survive_upgrade_downgrade_and_upgrade_of_each_revision(
    config: Config, revisions: list[Script], empty_database_url: str
) -> None:
    """What survives a step is each value of a column that exists before and after it."""
    url = empty_database_url
    for revision in revisions:
        step = Path(revision.path).stem
        older = read(url)

        migrate.upgrade(config, revision.revision, url=url)
        assert_kept(older, read(url), step)
        newer = read_after_refill(url)
        migrate.downgrade(config, "-1", url=url)
        older = read(url)
        assert_kept(newer, older, step)
        migrate.upgrade(config, revision.revision, url=url)
        assert_kept(older, read(url), step)

        assert all(
            len(values) == (1 if table in SINGLE else 2) and None not in values
            for (table, _), values in newer.items()
        )
        read_after_refill(url)


def read(url: str) -> Columns:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        return read_columns(connection)


def read_after_refill(url: str) -> Columns:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        refill(connection)
        return read_columns(connection)


def assert_kept(before: Columns, after: Columns, step: str) -> None:
    both = before.keys() & after.keys() - CHANGED.get(step.rpartition("_")[2], set())

    assert {key: before[key] for key in both} == {key: after[key] for key in both}, step
