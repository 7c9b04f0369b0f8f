"""Scratch databases on a server: each is made beside another one, and gone when it was used.

Those of a process that was killed stay, and are dropped by whoever makes the next one.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.operations.backup.engines.common import connecting
from app.operations.backup.errors import BackupError

PREFIX: Final = "backup_scratch_"
_OURS: Final = re.compile(PREFIX + r"[0-9a-f_]+")
_CONNECTING_SECONDS: Final = 60
"""After which a scratch database that nobody is connected to was left by somebody who died."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What a server is told, with NAME for a scratch database.

    Attributes:
        list_unused: Gives the names of databases without connections; ``:prefix`` begins each.
        create: Makes one.
        drop: Drops one that may not be there.
        reason: Gives what the server says of a refusal.
    """

    list_unused: str
    create: str
    drop: str
    reason: Callable[[BaseException], str]


@contextmanager
def scratch_database(url: sa.URL, statements: Statements) -> Iterator[sa.URL]:
    """Lend an empty database on the same server; drop it whatever ends the block.

    Raises:
        BackupError: The server refuses to make one.
    """
    name = new_name()
    with connecting(url) as admin, ExitStack() as ending:
        unused = sa.text(statements.list_unused)
        for left in admin.execute(unused, {"prefix": PREFIX}).scalars().all():
            if is_abandoned(left):
                admin.exec_driver_sql(_naming("DROP DATABASE IF EXISTS NAME", left))
        # Before it is made: SIGTERM may come when the server has made it and nobody knows yet.
        ending.callback(_drop, url, _naming(statements.drop, name))
        try:
            admin.exec_driver_sql(_naming(statements.create, name))
        except sa.exc.DBAPIError as error:
            ending.pop_all()  # There is none, and who may make none may drop none.
            reason = statements.reason(error.orig or error)
            cure = "Name another server or role: --scratch-url"
            raise BackupError(f"No scratch database: {reason}. {cure}") from None
        mine = url.set(database=name)
        with connecting(mine):  # Whoever looks for the abandoned sees that it is none.
            yield mine


def new_name() -> str:
    """Name a scratch database, with the time by which its age is known, and whose it is."""
    return f"{PREFIX}{int(time.time())}_{os.getpid()}_{secrets.token_hex(4)}"


def is_abandoned(name: str) -> bool:
    """Tell whether a scratch database nobody is connected to is nobody's any more."""
    stamp = name.removeprefix(PREFIX).partition("_")[0]
    return stamp.isdigit() and time.time() - int(stamp) > _CONNECTING_SECONDS


def _naming(statement: str, name: str) -> str:
    """Put the name of a scratch database, and no other, in the place of NAME in a statement."""
    if not _OURS.fullmatch(name):
        raise ValueError(f"{name!r} is no scratch database")
    return statement.replace("NAME", name)


def _drop(url: sa.URL, statement: str) -> None:
    # By a new connection: one that was interrupted amid a statement takes no other.
    with connecting(url) as admin:
        admin.exec_driver_sql(statement)
