"""Models against migrations: every kind of difference is found, and nothing else is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.config import Config

import bilayer
from tests.bilayer.drift.conftest import PROJECTS

E, W, I = "error", "warning", "info"  # noqa: E741 - the columns of the table below
ENGINES = ["sqlite", "postgresql", "mysql"]

# (place, code, severity on SQLite, PostgreSQL and MariaDB; None where the engine cannot differ)
EXPECTED = [
    ("table_unknown_to_migrations", "BL201", E, E, E),
    ("table_unknown_to_models", "BL201", W, W, W),
    ("column_unknown_to_migrations.nickname", "BL202", E, E, E),
    ("column_unknown_to_models.nickname", "BL202", W, W, W),
    ("required_column_unknown_to_models.code", "BL202", E, E, E),
    ("name_case.Email", "BL203", I, E, I),
    ("column_order", "BL212", I, I, I),
    ("type_family.value", "BL204", E, E, E),
    ("text_kind.value", "BL204", I, W, W),
    ("text_length.value", "BL205", I, W, W),
    ("number_precision.value", "BL206", I, E, E),
    ("number_room.value", "BL206", I, W, W),
    ("integer_width.value", "BL207", I, E, E),
    ("time_zone.value", "BL208", None, E, None),
    ("required_in_models.value", "BL209", W, W, W),
    ("required_in_migrations.value", "BL209", E, E, E),
    ("default_missing.value", "BL210", W, W, W),
    ("default_value.value", "BL210", W, W, W),
    ("text_collation.value", "BL214", None, W, W),
    ("computed.value", "BL215", E, E, E),
    ("column_comment.value", "BL213", None, I, I),
    ("table_comment", "BL213", None, I, I),
    ("enum_values.value", "BL216", None, E, E),
    ("numbering.id", "BL217", None, E, E),
    ("primary_key", "BL301", E, E, E),
    ("unique_missing.value", "BL302", W, W, W),
    ("unique_extra.value", "BL302", W, W, W),
    ("index_missing.value", "BL303", W, W, W),
    ("index_columns", "BL303", W, W, W),
    ("index_predicate.value", "BL303", W, W, None),
    ("link_missing.value", "BL304", W, W, W),
    ("link_target.value", "BL304", W, W, W),
    ("link_action.value", "BL306", W, W, W),
    ("check_missing", "BL305", W, W, W),
    ("check_text", "BL305", W, W, W),
]
# Differences whose mending belongs into the models' file; all others name the revision.
IN_MODELS = {"table_unknown_to_migrations", "column_unknown_to_migrations.nickname"}


def expected_on(dialect: str) -> dict[str, tuple[str, str]]:
    position = ENGINES.index(dialect)
    severities = {place: (code, each[position]) for place, code, *each in EXPECTED}
    return {place: (code, s) for place, (code, s) in severities.items() if s is not None}


@pytest.fixture(scope="module")
def report(
    load: Callable[[str], ModuleType], dialect: str, scratch_server: str | None
) -> bilayer.Report:
    return bilayer.check(
        metadata=load("history_models").metadata,
        migrations=Config(PROJECTS / "history" / "alembic.ini"),
        dialect=dialect,
        scratch_url=scratch_server,
        root=PROJECTS / "history",
    )


@pytest.mark.parametrize("place", [row[0] for row in EXPECTED])
def test_difference_is_found_with_code_and_severity(
    report: bilayer.Report, dialect: str, place: str
) -> None:
    found = [(f.code, f.severity) for f in report.findings if f.place == place]

    wanted = expected_on(dialect).get(place)

    assert found == ([wanted] if wanted else [])


def test_nothing_else_is_found(report: bilayer.Report, dialect: str) -> None:
    places = {finding.place for finding in report.findings}

    assert places == set(expected_on(dialect))
    assert {finding.pair for finding in report.findings} == {"models-migrations"}
    assert report.failures == ()
    assert report.exit_code == 1


def test_location_is_the_line_that_names_the_table(report: bilayer.Report) -> None:
    for finding in report.findings:
        path, _, number = (finding.location or "").rpartition(":")
        lines = (PROJECTS / "history" / path).read_text().splitlines()
        nearby = "\n".join(lines[max(int(number) - 4, 0) : int(number) + 1])

        assert finding.table is not None
        assert finding.table in nearby
        is_in_models = path == "history_models.py"
        assert is_in_models == (finding.place in IN_MODELS), finding.place


def test_fixes_make_the_migrations_equal_the_models(
    report: bilayer.Report,
    load: Callable[[str], ModuleType],
    dialect: str,
    scratch_server: str | None,
    tmp_path: Path,
) -> None:
    # Fixes of one table and those that need a table made first stand in any order.
    fixes = [f.fix for f in report.findings if f.fix and f.code != "BL206"]
    config = extended_project(tmp_path, fixes)

    again = bilayer.check(
        metadata=load("history_models").metadata,
        migrations=config,
        dialect=dialect,
        scratch_url=scratch_server,
    )

    assert again.failures == ()
    mended = {(f.code, f.place) for f in report.findings if f.fix and f.code != "BL206"}
    left = {(f.code, f.place) for f in again.findings}
    assert not mended & left
    assert left <= {(f.code, f.place) for f in report.findings}


def extended_project(folder: Path, fixes: list[str]) -> Config:
    """Copy the sample project and add a revision for each fix, as a person would."""
    shutil.copytree(PROJECTS / "history", folder, dirs_exist_ok=True)
    for number, fix in enumerate(fixes):
        below = f"2{number - 1:03}" if number else "1aaa"
        (folder / f"alembic/versions/2{number:03}.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f'revision = "2{number:03}"\ndown_revision = "{below}"\n\n{fix}\n'
        )
    return Config(folder / "alembic.ini")


def test_other_spellings_of_the_same_schema_are_not_reported(
    load: Callable[[str], ModuleType], dialect: str, scratch_server: str | None
) -> None:
    report = bilayer.check(
        metadata=load("traps_models").metadata,
        migrations=Config(PROJECTS / "traps" / "alembic.ini"),
        dialect=dialect,
        scratch_url=scratch_server,
    )

    assert report.findings == ()
    assert report.failures == ()
    assert report.exit_code == 0


def test_without_a_scratch_server_the_report_names_what_was_not_done(
    load: Callable[[str], ModuleType],
) -> None:
    report = bilayer.check(
        metadata=load("traps_models").metadata,
        migrations=Config(PROJECTS / "traps" / "alembic.ini"),
        dialect="postgresql",
    )

    assert report.findings == ()
    (line,) = report.not_done
    assert line.startswith("models-migrations on postgresql: needs a scratch_url (--scratch-url")
    assert "partly on postgresql" in report.to_text()
    assert report.exit_code == 0


def test_ignored_names_are_left_out(load: Callable[[str], ModuleType]) -> None:
    options: dict[str, Any] = {
        "metadata": load("history_models").metadata,
        "migrations": Config(PROJECTS / "history" / "alembic.ini"),
    }

    everything = bilayer.check(**options)
    report = bilayer.check(
        **options, ignore=["index_*", "computed.value", "BL305:check_text", "BL212"]
    )

    left = {finding.place for finding in report.findings}
    gone = {finding.place for finding in everything.findings} - left
    assert gone == {
        "index_missing.value", "index_columns", "index_predicate.value", "computed.value",
        "check_text",
        "column_order",
    }  # fmt: skip
