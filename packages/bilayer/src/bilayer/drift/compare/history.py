"""Mistakes in the migrations' set-up that make a comparison worthless."""

from __future__ import annotations

from collections.abc import Iterator

from bilayer.drift.compare.setup import locate
from bilayer.drift.findings import Difference
from bilayer.drift.history import History
from bilayer.drift.kinds import Severity
from bilayer.drift.snapshot import Schema


def check_history(history: History, models: Schema | None) -> Iterator[Difference]:
    """Yield the set-up mistakes of the migrations; ``models`` says what env.py should know."""
    yield from _check_files(history)
    yield from _check_chain(history)
    if history.error is not None and not history.missing:
        message = f"the migrations stop: {history.error}"
        location = locate(history.error_place)
        yield Difference("BL114", "error", "setup", message, location=location)
    if history.env_ran:
        yield from _check_env(history, models)


def _check_files(history: History) -> Iterator[Difference]:
    if history.library_init is not None:
        message = "the folder alembic holds an __init__.py and hides the library"
        location = f"{history.library_init}:1"
        yield Difference("BL101", "error", "setup", message, location=location)
    for path in history.strays:
        message = "a revision lies where Alembic does not look for revisions"
        yield Difference("BL104", "warning", "setup", message, location=f"{path}:1")


def _check_chain(history: History) -> Iterator[Difference]:
    paths = {revision.revision: revision.path for revision in history.revisions}
    for down, path in history.missing:
        message = f"the predecessor {down} does not exist"
        yield Difference("BL103", "error", "setup", message, right=down, location=f"{path}:1")
    if len(history.bases) > 1:
        names = ", ".join(history.bases)
        message = f"several revisions start from nothing: {names}"
        location = _location(paths.get(history.bases[-1]))
        yield Difference("BL103", "error", "setup", message, right=names, location=location)
    if len(history.heads) > 1:
        names = ", ".join(history.heads)
        message = f"there are {len(history.heads)} heads: {names}"
        location = _location(paths.get(history.heads[-1]))
        yield Difference("BL102", "error", "setup", message, right=names, location=location)


def _location(path: str | None) -> str | None:
    return f"{path}:1" if path else None


def _check_env(history: History, models: Schema | None) -> Iterator[Difference]:
    location = _location(history.env_path)
    if not history.env_tables:
        message = "env.py gives Alembic no metadata, or metadata without tables"
        yield Difference("BL105", "error", "setup", message, location=location)
        return
    known = set(history.env_tables)
    for table in models or ():
        if table.name not in known:
            message = f"env.py does not know table {table.name}"
            yield Difference("BL106", "error", "setup", message, table.name, location=location)


def check_versions(history: History, versions: tuple[str, ...], live: Schema) -> Difference | None:
    """Compare the revisions a live database says it is at with the heads."""
    heads = tuple(sorted(history.heads))
    if versions == heads:
        return None
    known = {revision.revision for revision in history.revisions}
    at, head = ", ".join(versions) or "no revision", ", ".join(heads)

    def differ(code: str, severity: Severity, message: str) -> Difference:
        return Difference(code, severity, "migrations-database", message, left=head, right=at)

    if not versions and live.tables:
        message = (
            "the database has tables and is not stamped; once they are what the head makes,"
            f" run `alembic stamp {head}`"
        )
        return differ("BL118", "error", message)
    if set(versions) <= known:
        return differ("BL116", "warning", f"the database is at {at}, and the head is {head}")
    message = f"the database is at {at}, which is not among the revisions"
    return differ("BL117", "error", message)
