"""A live database that was altered by hand: every statement of the list is one difference."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import sqlalchemy as sa

import bilayer
from tests.bilayer.drift.project import write_project

STAMP = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('first')",
)


@dataclasses.dataclass(frozen=True)
class Altered:
    """What the revision makes, how it was altered by hand, and what is to be found.

    Attributes:
        made: Statements of the revision.
        altered: Statements run on the live database after those.
        found: Code and severity, for the table of each statement.
        is_mended: The fix makes the finding go away.
    """

    made: tuple[str, ...]
    altered: tuple[str, ...]
    found: tuple[str, str, str]
    is_mended: bool = True


def rebuild(url: str, *statements: str) -> sa.Engine:
    """Run statements on a database, each in a transaction of its own."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Through the driver itself: to it, a percent sign is a percent sign.
        cursor = connection.connection.cursor()
        for statement in statements:
            cursor.execute(statement)
    return engine


def compare(
    folder: Path, url: str, scratch_url: str | None, made: list[str], live: list[str]
) -> bilayer.Report:
    """Compare what a revision makes with a live database that statements made."""
    config = write_project(folder, first=write_body(made))
    rebuild(url, *live, *STAMP).dispose()
    report = bilayer.check(migrations=config, url=url, scratch_url=scratch_url)
    assert report.failures == ()
    return report


def write_body(made: list[str]) -> str:
    """Write the body of a revision that runs statements."""
    calls = [f"op.get_bind().connection.cursor().execute({each!r})" for each in made]
    return "\n".join(calls) or "pass"


def row(made: str, altered: str, code: str, severity: str, place: str, **options: bool) -> Altered:
    """Write a row of a table; statements are divided by semicolons at line ends."""
    parts = [
        tuple(filter(None, (each.strip() for each in text.split(";\n"))))
        for text in (made, altered)
    ]
    return Altered(parts[0], parts[1], (code, severity, place), **options)
