"""Database URLs: which engine they name and which driver serves it. Opens no connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from bilayer.errors import BilayerError

EngineName = Literal["sqlite", "postgresql", "mysql"]

_ENGINES: Final[dict[str, EngineName]] = {
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_DRIVERS: Final[dict[EngineName, str]] = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
}


class UnsupportedURL(BilayerError, ValueError):
    """The text is no database URL, or names an engine or driver that is not supported."""


def engine_name(name: str) -> EngineName:
    """Tell the engine a dialect, backend or URL scheme stands for.

    Args:
        name: For example ``mariadb``, ``postgresql+psycopg2`` or ``sqlite``.

    Raises:
        UnsupportedURL: It is none of SQLite, PostgreSQL, MariaDB and MySQL.
    """
    backend = name.partition("+")[0]
    try:
        return _ENGINES[backend]
    except KeyError:
        raise UnsupportedURL(
            f"{backend!r} is not supported; use sqlite, postgresql, mariadb or mysql"
        ) from None


def parse_url(url: str | sa.URL) -> sa.URL:
    """Turn any accepted spelling of a URL into the one every part of bilayer uses.

    ``postgres://`` and ``postgresql://`` become psycopg2, ``mysql://`` and ``mariadb://`` become
    PyMySQL with the full Unicode character set (PyMySQL's own default drops emoji). Of several
    hosts (``h1,h2``), PostgreSQL's client takes the one that accepts writes, unless the URL says
    otherwise.

    Raises:
        UnsupportedURL: The text cannot be read, or names another engine or driver. The message
            never repeats the URL, which may hold a password.
    """
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise UnsupportedURL(
            "not a database URL; expected for example postgresql://user@host/name"
        ) from None
    engine = engine_name(parsed.drivername)
    driver = parsed.drivername.partition("+")[2]
    supported = _DRIVERS[engine]
    if driver and driver != (supported.partition("+")[2] or "pysqlite"):
        raise UnsupportedURL(f"driver {driver!r} is not supported for {engine}; use {supported!r}")
    parsed = parsed.set(drivername=supported)
    if engine == "mysql":
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
    if engine == "postgresql" and _has_several_hosts(parsed):
        parsed = parsed.set(query={"target_session_attrs": "read-write", **parsed.query})
    return parsed


def _has_several_hosts(url: sa.URL) -> bool:
    return "," in (url.host or "") or isinstance(url.query.get("host"), tuple)


def by_engine(urls: Iterable[str | sa.URL]) -> dict[EngineName, sa.URL]:
    """Map the engine of each URL to it; of two for one engine the later counts.

    Args:
        urls: URLs of servers.

    Raises:
        UnsupportedURL: One of them cannot be read, or names another engine.
    """
    parsed = [parse_url(url) for url in urls]
    return {engine_name(url.drivername): url for url in parsed}
