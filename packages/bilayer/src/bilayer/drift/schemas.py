"""Names as a catalog has them: without quotes, and without the schema an engine looks in anyway.

MariaDB's is the database one is connected to, which neither models nor definitions know. A table
whose own name has a dot in it is written in double quotes, for the dot stands behind a schema.
"""

from __future__ import annotations

import re
from typing import Final

QUOTES: Final = '"`[]'
_DEFAULT: Final = {"sqlite": "main", "postgresql": "public"}


def join_name(schema: str | None, table: str, engine: str = "") -> str:
    """Write the name of a table, behind its schema where that is not the engine's usual one."""
    written = f'"{table}"' if "." in table else table
    return written if not schema or schema == _DEFAULT.get(engine) else f"{schema}.{written}"


def split_name(name: str) -> tuple[str, str]:
    """Tell the schema of a table, which may be empty, from its name."""
    found = re.fullmatch(r'(?:(.*)\.)?"(.*)"', name)
    if found is not None:
        return found[1] or "", found[2]
    schema, _, table = name.rpartition(".")
    return schema, table


def split_parts(name: str) -> list[str]:
    """Give the schema, if there is one, and the name of a table."""
    return [part for part in split_name(name) if part]


def read_table_name(rname: str | None, name: str, engine: str) -> str:
    """Read the name of a PyDAL table in the database."""
    *schemas, table = _read_parts(rname, name, engine)
    return join_name(".".join(schemas), table, engine)


def read_relation(text: str, engine: str = "postgresql") -> str:
    """Read the name of a table as a statement has it, or PostgreSQL's ``regclass``."""
    return read_table_name(text, "", engine)


def read_name(rname: str | None, name: str, engine: str) -> str:
    """Take the quotes off an ``rname``; PostgreSQL folds what has none to lower case."""
    return ".".join(_read_parts(rname, name, engine))


def _read_parts(rname: str | None, name: str, engine: str) -> list[str]:
    if not rname:
        return [name]
    parts = re.findall(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^.]+', rname)
    folds = engine == "postgresql"
    return [
        _unquoted(part) if part[0] in QUOTES else (part.lower() if folds else part)
        for part in parts
    ] or [rname]


def _unquoted(part: str) -> str:
    """Take the quotes off a name; one that is in it stands twice."""
    return part[1:-1].replace(part[-1] * 2, part[-1])
