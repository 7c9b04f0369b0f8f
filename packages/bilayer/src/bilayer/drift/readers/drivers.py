"""Let PostgreSQL's and MariaDB's drivers connect to one endpoint only, whoever calls them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from bilayer.errors import BilayerError

_Endpoint = tuple[str, str, str]


class ConnectionRefused(BilayerError):
    """Something tried to reach a database that is not the scratch database."""


def refuse(what: str) -> None:
    """Raise ``ConnectionRefused``, naming what was to be reached."""
    message = f"refused to connect to {what}: migrations are replayed in a scratch database only"
    raise ConnectionRefused(message)


def guard_drivers(scratch: sa.URL) -> None:
    """Guard the drivers a script may call by itself; psycopg2 connects without Python noticing."""
    backend = scratch.get_backend_name()
    with contextlib.suppress(ImportError):
        import psycopg2  # noqa: PLC0415 - a driver the project may not have

        asked = {**scratch.query, **scratch.translate_connect_args(database="dbname")}
        allowed = _postgresql_endpoint(None, asked)
        own = allowed if backend == "postgresql" else None
        # psycopg2.connect calls this; a script may call it as well.
        module: Any = psycopg2
        guard = _guard(module._connect, own, _postgresql_endpoint)
        module._connect = module._psycopg._connect = guard
    if backend not in ("mysql", "mariadb"):
        return  # PyMySQL connects by Python's sockets, and none of those leads to MariaDB.
    with contextlib.suppress(ImportError):
        import pymysql  # noqa: PLC0415 - as above

        own = _mysql_endpoint(None, scratch.translate_connect_args(username="user"))
        guarded = _guard(pymysql.connect, own, _mysql_endpoint)
        pymysql.connect = pymysql.Connect = guarded  # type: ignore[assignment]  # the fence
        _guard_connections(scratch)


def _guard_connections(scratch: sa.URL) -> None:
    """Guard what PyMySQL's ``connect`` is a name for; a script may make one by itself."""
    from pymysql.connections import Connection  # noqa: PLC0415 - a driver it may not have

    connect = Connection.connect

    def guarded(self: Any, *arguments: Any) -> Any:
        if self.db != scratch.database:
            refuse(f"the database {self.db}")
        return connect(self, *arguments)

    Connection.connect = guarded  # type: ignore[method-assign,assignment]  # the fence


def _guard(
    connect: Callable[..., Any],
    allowed: _Endpoint | None,
    read: Callable[[str | None, Mapping[str, Any]], _Endpoint],
) -> Callable[..., Any]:
    """Wrap a driver's ``connect`` so that it reaches one endpoint only."""

    def guarded(dsn: str | None = None, *arguments: Any, **options: Any) -> Any:
        asked = read(dsn, options)
        if asked != allowed:
            refuse(f"{asked[0]}:{asked[1]}/{asked[2]}")
        positional = () if dsn is None else (dsn,)
        return connect(*positional, *arguments, **options)

    return guarded


def _postgresql_endpoint(dsn: str | None, options: Mapping[str, Any]) -> _Endpoint:
    from psycopg2.extensions import parse_dsn  # noqa: PLC0415 - only called where it is installed

    known = {**(parse_dsn(dsn) if dsn else {}), **options}
    name = known.get("dbname") or known.get("database")
    return str(known.get("host") or ""), str(known.get("port") or "5432"), str(name or "")


def _mysql_endpoint(dsn: str | None, options: Mapping[str, Any]) -> _Endpoint:
    # PyMySQL's parameters are named only; a first positional one is no endpoint of ours.
    name = options.get("database") or options.get("db") or dsn
    host = options.get("unix_socket") or options.get("host")
    return str(host or "localhost"), str(options.get("port") or "3306"), str(name or "")
