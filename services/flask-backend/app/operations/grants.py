"""What ``SHOW GRANTS`` of MariaDB and MySQL says, read: who may do what, and where.

The views of ``information_schema`` leave out what comes by a role, and show a user who reads the
system's tables the rights of everybody.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

ROWS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
OF_A_DATABASE: Final = (*ROWS, "CREATE", "ALTER", "DROP")
OF_A_SERVER: Final = (*OF_A_DATABASE, "SUPER", "FILE", "CREATE USER")
GRANT_OPTION: Final = "GRANT OPTION"

_NAME: Final = r"(`(?:[^`]|``)*`|\*)"
_GRANT: Final = re.compile(rf"GRANT (.+?) ON {_NAME}\.{_NAME} TO (.*)")
# Rights on single columns are followed by a list of them.
_RIGHT: Final = re.compile(r"([A-Z]+(?: [A-Z]+)*)( \([^)]*\))?(?:, |$)")


def read_grants(lines: Iterable[str], database: str) -> Mapping[str, set[str]]:
    """Return the rights in a database: those on a table by its name, those on all by ``*``."""
    held: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        match = _GRANT.fullmatch(line)
        if match is None or not _is_like(database, _bare(match[2])):
            continue
        table = _bare(match[3])
        for right, columns in _RIGHT.findall(match[1]):
            if right == "ALL PRIVILEGES":
                held[table].update(OF_A_SERVER if match[2] == "*" else OF_A_DATABASE)
            elif not columns:
                held[table].add(right)
        if GRANT_OPTION in match[4]:
            held[table].add(GRANT_OPTION)
    return held


def _bare(name: str) -> str:
    return name if name == "*" else name[1:-1].replace("``", "`")


def _is_like(name: str, pattern: str) -> bool:
    """Match as LIKE does: ``_`` is any character and ``%`` any number, unless escaped."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"_": ".", "%": ".*"}
    expression = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, name, re.DOTALL) is not None
