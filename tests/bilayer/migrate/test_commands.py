"""The commands for programs: what is applied, what is missing, and what cannot be said."""

from __future__ import annotations

import copy
import stat
from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError

from bilayer import migrate
from bilayer.migrate import MigrationError, UnknownRevision
from bilayer.urls import parse_url
from tests.bilayer.migrate.project import Project, only

CREATE = "op.create_table({name!r}, sa.Column('id', sa.Integer))"
DROP = "op.drop_table({name!r})"


@pytest.fixture
def project(project: Project) -> Project:
    """The project with two revisions, none of them applied."""
    for name in ("one", "two"):
        project.add(name, CREATE.format(name=f"t_{name}"), DROP.format(name=f"t_{name}"))
    return project


def test_pending_revisions_come_in_the_order_they_are_applied(project: Project) -> None:
    before = migrate.pending(project.config, project.url)
    project.upgrade("one")
    between = migrate.pending(project.config, project.url)
    project.upgrade()

    assert before == ("one", "two")
    assert between == ("two",)
    assert migrate.pending(project.config, project.url) == ()
    assert migrate.current(project.url) == (migrate.head(project.config),)


def test_downgrade_undoes_one_step(project: Project) -> None:
    project.upgrade()

    migrate.downgrade(project.config, "-1")

    assert project.tables() == {"t_one"}
    assert migrate.current(project.url) == ("one",)


def test_stamp_notes_a_revision_and_runs_nothing(project: Project) -> None:
    migrate.stamp(project.config)

    assert project.tables() == set()
    assert migrate.current(project.url) == ("two",)


@only("sqlite")
def test_looking_at_a_file_that_is_not_there_makes_nothing(
    project: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "none"
    project.url = parse_url(f"sqlite:///{folder}/app.db")

    assert migrate.current(project.url) == ()
    assert migrate.pending(project.config, project.url) == ("one", "two")
    with pytest.raises(CommandError):
        migrate.check(project.config, url=project.url)
    assert not folder.exists()


@only("sqlite")
def test_folder_of_a_new_database_is_its_owners(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    project.url = parse_url(f"sqlite:///{folder}/app.db")

    migrate.upgrade(project.config, url=project.url)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_upgrade_at_the_head_takes_no_lock(project: Project) -> None:
    project.upgrade()

    with migrate.migration_lock(project.url, project.limits):
        project.upgrade()


def test_url_given_by_the_caller_wins_and_leaves_the_config_as_it_was(
    project: Project, tmp_path: Path
) -> None:
    config = project.config
    before = copy.deepcopy(config.attributes)
    url = f"sqlite:///{tmp_path}/other%20one.db"

    migrate.upgrade(config, url=url)

    assert migrate.current(url) == ("two",)
    assert migrate.current(project.url) == ()
    assert config.attributes == before


def test_revision_the_scripts_do_not_have_is_an_error(project: Project) -> None:
    project.upgrade()
    (project.folder / "scripts" / "versions" / "two.py").unlink()

    for ask in (migrate.pending, migrate.upgrade):
        with pytest.raises(UnknownRevision, match="at revision two") as error:
            ask(project.config, url=project.url)
        assert error.value.revision == "two"


def test_unknown_revision_can_be_purged(project: Project) -> None:
    project.upgrade()
    (project.folder / "scripts" / "versions" / "two.py").unlink()

    command.stamp(project.config, "one", purge=True)

    assert migrate.current(project.url) == ("one",)


def test_two_heads_are_an_error(project: Project) -> None:
    project.revisions = ["one"]
    project.add("other", "pass")

    with pytest.raises(MigrationError, match="not 2"):
        migrate.head(project.config)


def test_asking_a_missing_file_for_its_revision_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "app.db"

    assert migrate.current(f"sqlite:///{path}") == ()
    assert not path.parent.exists()
