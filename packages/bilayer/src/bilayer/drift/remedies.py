"""What can be done about an error of a database: a sentence for who reads the report.

Judges text, because drivers tell most of these apart in their messages only.
"""

from __future__ import annotations

import re
from typing import Final

SCRATCH: Final = "--scratch-url"
LIVE: Final = "--url"

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
