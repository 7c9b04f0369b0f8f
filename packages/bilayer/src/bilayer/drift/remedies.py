"""What can be done about a source that cannot be read: a sentence for who reads the report.

Errors of databases are told apart by their text, because drivers have no other way for most.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bilayer.drift.history import History
from bilayer.drift.snapshot import Place

SCRATCH: Final = "--scratch-url"
LIVE: Final = "--url"
_HERE: Final = str(Path(__file__).parents[1])
_STANDARD: Final = str(Path(traceback.__file__).parent)

_REMEDIES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (
            r"no space left|disk is full|disk full|could not extend|errno: 28\b",
            "Free some space on its disk.",
        ),
        (
            (
                r"permission denied to create database|access denied for user .* to database"
                r"|create command denied"
            ),
            (
                "Let its user make databases (PostgreSQL: ALTER ROLE name CREATEDB; MariaDB: GRANT"
                r" ALL ON `bilayer\_%`.* TO name), or name another server with {option}."
            ),
        ),
        (
            (
                r"password authentication failed|no password supplied|access denied for user"
                r"|role \".*\" does not exist|no pg_hba.conf entry|peer authentication failed"
            ),
            "Check the user and the password in {option}.",
        ),
        (
            r"database \".*\" does not exist|unknown database",
            "Check the name of the database in {option}.",
        ),
        (
            (
                r"could not connect|connection to server .* failed|connection refused"
                r"|can't connect|could not translate host|timeout expired|timed out|lost connection"
                r"|no route to host|server closed the connection"
            ),
            "Check that the server runs and that {option} names its host and port.",
        ),
        (
            r"read-only transaction|--?read-only|readonly database|read-only file system",
            "It takes no writes: name one that does with {option}.",
        ),
        (
            r"permission denied for|select command denied|insufficient privilege",
            "Let its user read it: GRANT SELECT on its tables, USAGE on its schemas.",
        ),
        (
            r"lock timeout|lock wait timeout|statement timeout|max_statement_time",
            "Somebody holds a lock on it: try again when that is done.",
        ),
        (
            r"remaining connection slots|too many (?:clients|connections)",
            "Try again when others have left.",
        ),
        (
            r"no such sqlite file|unable to open database file",
            "Check the path in {option}, and that its folder may be read.",
        ),
        (
            r"not a database|malformed",
            "Check that {option} names an SQLite database, and that it is whole.",
        ),
        (
            r"no module named '(?:psycopg2|pymysql)'",
            "Install its driver: pip install 'bilayer[postgresql]' or 'bilayer[mysql]'.",
        ),
    )
)


def with_remedy(reason: str, option: str) -> str:
    """Add to a reason what can be done about it, if that is known.

    Args:
        reason: What a driver or the system said.
        option: The option that names the database.
    """
    for pattern, remedy in _REMEDIES:
        if pattern.search(reason):
            return f"{reason.rstrip('. ')}. {remedy.replace('{option}', option)}"
    return reason


def explain_import(name: str, error: BaseException, key: str) -> str:
    """Say why something that ``[tool.bilayer]`` names cannot be imported, and what to do.

    Args:
        name: ``module:attribute``.
        error: What the import raised.
        key: The key that names it.
    """
    module, _, attribute = name.partition(":")
    reason = f"{name} cannot be imported: {_describe(error)}"
    if isinstance(error, ModuleNotFoundError) and error.name and module.startswith(error.name):
        return f"{reason}. Check {key} and pythonpath in [tool.bilayer]."
    if isinstance(error, AttributeError) and error.name == attribute:
        close = difflib.get_close_matches(attribute, dir(error.obj), 1)
        meant = f" Did you mean {module}:{close[0]}?" if close else ""
        return f"{reason}. Check {key} in [tool.bilayer].{meant}"
    place = _find_place(error)
    where = f"; it stopped at {place.path}:{place.line}" if place else ""
    return f"{reason}{where}. Mend it there: importing it must need nothing that is not here."


def explain_define(error: BaseException) -> str:
    """Say where a function ``define(db)`` stopped, and what became of the rest."""
    place = _find_place(error)
    where = f" at {place.path}:{place.line}" if place else ""
    return (
        f"the function that defines the tables stopped{where}: {_describe(error)}. Mend it there:"
        " tables it defines behind that were not compared."
    )


def explain_replay(history: History, root: Path) -> str:
    """Say where the replay of the migrations stopped."""
    place = history.error_place
    if place is None:
        return f"the migrations could not be replayed: {history.error}"
    path = Path(place.path)
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return (
        f"the migrations stopped at {name}:{place.line}: {history.error}. Mend it there: they are"
        " replayed from the first revision on, in an empty database."
    )


def _describe(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _find_place(error: BaseException) -> Place | None:
    """Find the innermost line of the project: neither bilayer's, nor a library's."""
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno or 1)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_own(f.filename)]
    return Place(frames[-1].filename, frames[-1].lineno or 1) if frames else None


def _is_own(filename: str) -> bool:
    parts: Sequence[str] = Path(filename).parts
    is_library = "site-packages" in parts or filename.startswith(("<", _HERE))
    return not is_library and not filename.startswith(_STANDARD)
