"""Which SQL statements stay inside one scratch database. Judges text; executes nothing.

A database on MariaDB is what others call a schema, and ``other.table`` reaches any of the server's.
Databases, roles and users belong to the whole server on every engine.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator
from typing import Final

from bilayer.errors import BilayerError

_TOKEN: Final = re.compile(
    r"""--[^\n]*|/\*(?!!).*?\*/            # comments; those of MariaDB's /*! are executed
    |'(?:[^'\\]|\\.|'')*'                  # texts
    |"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`   # names, and texts in MariaDB's usual mode
    |[^\W\d][\w$]*|\d\w*|\$\w*\$|[.;]      # words, numbers, the ends of a body, punctuation
    """,
    re.DOTALL | re.VERBOSE,
)
_STARTS: Final = frozenset({";", "BEGIN", "THEN", "ELSE", "LOOP", "DO", "$$"})
_WHOLE_SERVER: Final = frozenset({"DATABASE", "ROLE", "USER"})
_VIEWS: Final = frozenset({"information_schema", "performance_schema"})


class StatementRefused(BilayerError):
    """A statement would have left the scratch database."""


def require_inside(statement: str, *, is_mysql: bool, others: Collection[str] = ()) -> None:
    """Refuse a statement that reaches past the database it is sent to.

    Args:
        statement: The SQL, of one statement or several.
        is_mysql: A schema is a database of its own, as on MariaDB.
        others: The other databases of that server.

    Raises:
        StatementRefused: It does.
    """
    tokens = list(_tokenize(statement))
    targets = {*_WHOLE_SERVER, *(("SCHEMA",) if is_mysql else ())}
    for first, second in _list_heads(tokens):
        is_change = first in ("DROP", "ALTER") and second in targets
        is_made = first == "CREATE" and second in targets - {"ROLE", "USER"}
        # What is prepared from a text could be anything.
        is_hidden = is_mysql and first in ("USE", "PREPARE", "EXECUTE")
        if is_change or is_made or is_hidden:
            _refuse(first if is_hidden else f"{first} {second}")
    if is_mysql:
        _require_own_names(tokens, {name.casefold() for name in others} - _VIEWS)


def _tokenize(statement: str) -> Iterator[str]:
    for token in _TOKEN.findall(statement):
        if not token.startswith(("--", "/*")):
            yield token


def _list_heads(tokens: list[str]) -> Iterator[tuple[str, str]]:
    """List the first two words of each statement."""
    words = [token.upper() for token in tokens]
    for position, (before, word) in enumerate(zip([";", *words], words, strict=False)):
        if before in _STARTS or before.startswith("$"):
            rest = [each for each in words[position + 1 : position + 4] if each != "OR"]
            following = [each for each in rest if each != "REPLACE"]
            yield word, following[0] if following else ""


def _require_own_names(tokens: list[str], others: Collection[str]) -> None:
    for name, mark in itertools.pairwise(tokens):
        if mark == "." and name.strip('`"').casefold() in others:
            _refuse(f"the database {name}")


def _refuse(what: str) -> None:
    message = f"refused {what}: nothing outside the scratch database may be reached"
    raise StatementRefused(message)
