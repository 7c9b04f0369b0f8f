"""Mistakes in the set-up of migrations, each a finding that says where."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

import bilayer
from tests.bilayer.drift.project import CREATE, ENV, write_project, write_revision


@pytest.fixture
def models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


def codes(report: bilayer.Report) -> list[str]:
    return [finding.code for finding in report.findings]


def test_a_sound_project_has_no_findings(models: sa.MetaData, tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE)

    report = bilayer.check(metadata=models, migrations=config)

    assert report.findings == ()
    assert report.exit_code == 0


def test_init_file_in_the_folder_alembic_hides_the_library(
    models: sa.MetaData, tmp_path: Path
) -> None:
    config = write_project(tmp_path, first=CREATE)
    (tmp_path / "migrations").rename(tmp_path / "alembic")
    (tmp_path / "alembic" / "__init__.py").touch()
    config.set_main_option("script_location", str(tmp_path / "alembic"))

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert codes(report) == ["BL101"]
    assert report.findings[0].location == "alembic/__init__.py:1"


def test_two_heads_are_found_and_both_are_replayed(models: sa.MetaData, tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE, second="pass")
    write_revision(tmp_path, "third", "first")

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert codes(report) == ["BL102"]
    assert "second" in report.findings[0].message
    assert "third" in report.findings[0].message
    assert (report.findings[0].location or "").startswith("migrations/versions/")


def test_missing_predecessor_names_the_file(models: sa.MetaData, tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE)
    write_revision(tmp_path, "third", "lost")

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert codes(report) == ["BL103"]
    assert report.findings[0].location == "migrations/versions/third.py:1"
    assert report.exit_code == 2


def test_second_beginning_is_found(models: sa.MetaData, tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE)
    write_revision(tmp_path, "second", None)

    report = bilayer.check(metadata=models, migrations=config)

    assert sorted(codes(report)) == ["BL102", "BL103"]


def test_revision_outside_the_versions_is_found(models: sa.MetaData, tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE)
    stray = write_revision(tmp_path, "stray", "first")
    stray.rename(tmp_path / "migrations" / "stray.py")

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert codes(report) == ["BL104"]
    assert report.findings[0].location == "migrations/stray.py:1"


def test_revisions_anywhere_in_the_project_are_found_once(
    models: sa.MetaData, tmp_path: Path
) -> None:
    config = write_project(tmp_path, first=CREATE)
    (tmp_path / "old" / "versions").mkdir(parents=True)
    stray = write_revision(tmp_path, "lost", "first")
    text = stray.read_text()
    stray.rename(tmp_path / "old" / "versions" / "lost.py")
    # None of these is astray: an installed library, another environment, a text about revisions.
    for folder in (".venv/lib", "other/versions", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".venv" / "lib" / "lost.py").write_text(text)
    (tmp_path / "other" / "env.py").touch()
    (tmp_path / "other" / "versions" / "lost.py").write_text(text)
    (tmp_path / "tests" / "lost.py").write_text(f"TEXT = '''\n{text}'''\n")

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert [(f.code, f.location) for f in report.findings] == [("BL104", "old/versions/lost.py:1")]


def test_a_package_called_alembic_beside_the_configuration_hides_the_library(
    models: sa.MetaData, tmp_path: Path
) -> None:
    config = write_project(tmp_path, first=CREATE)
    (tmp_path / "alembic").mkdir()
    (tmp_path / "alembic" / "__init__.py").touch()

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert [(f.code, f.location) for f in report.findings] == [("BL101", "alembic/__init__.py:1")]


def test_env_without_metadata_is_found(models: sa.MetaData, tmp_path: Path) -> None:
    env = ENV.replace("target_metadata=metadata", "target_metadata=None")
    config = write_project(tmp_path, env, first=CREATE)

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert codes(report) == ["BL105"]
    assert report.findings[0].location == "migrations/env.py:1"


def test_env_that_lacks_a_table_is_found(models: sa.MetaData, tmp_path: Path) -> None:
    sa.Table("other", models, sa.Column("id", sa.Integer, primary_key=True))
    second = CREATE.replace('"t"', '"other"')
    config = write_project(tmp_path, first=CREATE, second=second)

    report = bilayer.check(metadata=models, migrations=config)

    assert [(f.code, f.table) for f in report.findings] == [("BL106", "other")]


def test_revision_that_fails_is_found_with_its_line(models: sa.MetaData, tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE, second='op.execute("SELECT nonsense")')

    report = bilayer.check(metadata=models, migrations=config, root=tmp_path)

    assert codes(report) == ["BL114"]
    assert report.findings[0].location == "migrations/versions/second.py:7"
    assert report.exit_code == 2
    assert "nonsense" in report.failures[0].reason


def test_models_that_cannot_be_built_are_a_failure_and_the_rest_is_compared(
    tmp_path: Path,
) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("odd", metadata, sa.Column("x", sa.types.NullType()))
    config = write_project(tmp_path, first=CREATE)

    report = bilayer.check(metadata=metadata, migrations=config)

    assert "odd" in str(report.failures[0])
    assert report.exit_code == 2
    assert not [finding for finding in report.findings if finding.table == "t"]


@pytest.mark.parametrize("is_copy", [True, False], ids=["copy", "other"])
def test_a_table_two_metadata_define_differently_is_found(
    models: sa.MetaData, *, is_copy: bool
) -> None:
    for name in ("a", "b", "c", "d"):
        column = sa.Column(name, sa.Integer, sa.ForeignKey("t.id"), unique=True, index=True)
        models.tables["t"].append_column(column)
    second = sa.MetaData()
    models.tables["t"].to_metadata(second)
    if not is_copy:
        second.tables["t"].append_column(sa.Column("z", sa.Integer))

    report = bilayer.check(metadata=[models, second], dal=lambda db: db.define_table("t"))

    found = [(f.code, f.pair, f.table) for f in report.findings if f.pair == "setup"]
    assert found == ([] if is_copy else [("BL112", "setup", "t")])
