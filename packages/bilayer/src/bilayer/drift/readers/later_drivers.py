"""Guard drivers the moment a project imports them: most have none of these, and they load slowly.

Each reaches a server without SQLAlchemy, and some without Python's sockets noticing.
"""

from __future__ import annotations

import functools
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

import sqlalchemy as sa

from bilayer.drift.readers.drivers import refuse

_Patch = Callable[[ModuleType, sa.URL], None]


def guard_later(scratch: sa.URL) -> None:
    """Let the drivers that are imported from now on connect to the scratch database only."""
    sys.meta_path.insert(0, _Finder(_PATCHES, scratch))


class _Finder(MetaPathFinder):
    """Finds modules as Python does, and patches some once they have been loaded."""

    def __init__(self, patches: Mapping[str, _Patch], scratch: sa.URL) -> None:
        self._patches = patches
        self._scratch = scratch

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._patches:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load, patch, scratch = spec.loader.exec_module, self._patches[name], self._scratch

            def exec_module(module: ModuleType) -> None:
                load(module)
                patch(module, scratch)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one
        return spec


def _patch_psycopg(module: Any, scratch: sa.URL) -> None:
    """Libpq connects without Python noticing, so the whole endpoint is judged."""
    connect = module.connect

    def guarded(conninfo: str, **options: Any) -> Any:
        asked = sys.modules["psycopg.conninfo"].conninfo_to_dict(conninfo)
        endpoint = asked.get("host"), str(asked.get("port") or 5432), asked.get("dbname")
        own = scratch.query.get("host") or scratch.host, str(scratch.port or 5432), scratch.database
        # For asyncio it looks the name up by itself and adds the address.
        known = {None, *(item[4][0] for item in socket.getaddrinfo(scratch.host, own[1]))}
        if endpoint != own or asked.get("hostaddr") not in known or asked.get("service"):
            refuse(f"{endpoint[0]}:{endpoint[1]}/{endpoint[2]}")
        return connect(conninfo, **options)

    module.connect = guarded


def _patch_asyncpg(module: Any, scratch: sa.URL) -> None:
    """Other servers are out of reach by its sockets; here are other databases of this one."""
    connect = module._connect_addr

    @functools.wraps(connect)
    async def guarded(*, params: Any, **options: Any) -> Any:
        if params.database != scratch.database:
            refuse(f"the database {params.database}")
        return await connect(params=params, **options)

    module._connect_addr = guarded


def _patch_aiomysql(module: Any, scratch: sa.URL) -> None:
    """Likewise."""
    connect = module.Connection._connect

    async def guarded(self: Any) -> Any:
        if self.db != scratch.database:
            refuse(f"the database {self.db}")
        return await connect(self)

    module.Connection._connect = guarded


def _refuse_mysqldb(module: Any, _scratch: sa.URL) -> None:
    """Its library connects without Python noticing, and SQLAlchemy is given PyMySQL instead."""

    def guarded(_self: Any, *_arguments: Any, **options: Any) -> None:
        refuse(f"{options.get('host') or 'MariaDB'} by MySQLdb")

    module.Connection.__init__ = guarded


_PATCHES: Final[dict[str, _Patch]] = {
    "psycopg.generators": _patch_psycopg,
    "asyncpg.connect_utils": _patch_asyncpg,
    "aiomysql.connection": _patch_aiomysql,
    "MySQLdb.connections": _refuse_mysqldb,
}
