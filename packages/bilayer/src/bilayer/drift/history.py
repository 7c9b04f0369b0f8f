"""What a replay of the migrations told, as plain frozen data. The schema it made is not in it."""

from __future__ import annotations

import dataclasses

from bilayer.drift.snapshot import Place


@dataclasses.dataclass(frozen=True, slots=True)
class Revision:
    """A revision file."""

    revision: str
    down: tuple[str, ...]
    path: str


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """What replaying the migrations in an empty database told, besides the database itself.

    Attributes:
        env_tables: Names of the tables env.py gives Alembic; ``None`` if it gives no metadata.
        missing: Revisions that are named as a predecessor and do not exist.
        error: Why the replay stopped; ``None`` if it went through.
        error_place: The line of the revision that stopped it.
        library_init: Path of an ``__init__.py`` that hides the library.
        strays: Files that look like revisions where Alembic does not look.
        missing_target: The revision to replay to does not exist.
    """

    revisions: tuple[Revision, ...] = ()
    heads: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    env_ran: bool = False
    env_path: str | None = None
    env_tables: tuple[str, ...] | None = None
    version_tables: tuple[str, ...] = ("alembic_version",)
    error: str | None = None
    error_place: Place | None = None
    library_init: str | None = None
    strays: tuple[str, ...] = ()
    missing_target: bool = False
