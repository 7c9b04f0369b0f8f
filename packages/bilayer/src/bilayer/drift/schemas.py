"""Names as a catalog has them: without quotes, and without the schema an engine looks in anyway.

MariaDB's is the database one is connected to, which neither models nor definitions know.
"""

from __future__ import annotations

import re
from typing import Final

QUOTES: Final = '"`[]'
_DEFAULT: Final = {"sqlite": "main", "postgresql": "public"}


def drop_default_schema(name: str, engine: str) -> str:
    """Write a table's name as a catalog does."""
    schema, dot, bare = name.partition(".")
    return bare if dot and schema == _DEFAULT.get(engine) else name


def read_table_name(rname: str | None, name: str, engine: str) -> str:
    """Read the name of a PyDAL table in the database."""
    return drop_default_schema(read_name(rname, name, engine), engine)


def read_name(rname: str | None, name: str, engine: str) -> str:
    """Take the quotes off an ``rname``; PostgreSQL folds what has none to lower case."""
    if rname is None:
        return name
    parts = re.findall(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^.]+', rname)
    folds = engine == "postgresql"
    bare = [
        _unquoted(part) if part[0] in QUOTES else (part.lower() if folds else part)
        for part in parts
    ]
    return ".".join(bare)


def _unquoted(part: str) -> str:
    """Take the quotes off a name; one that is in it stands twice."""
    return part[1:-1].replace(part[-1] * 2, part[-1])
