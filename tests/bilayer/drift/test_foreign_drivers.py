"""Projects with drivers of their own: asyncio's are kept, and none leads out of the scratch one."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

import bilayer
from bilayer.drift.readers import later_drivers
from bilayer.drift.readers.confine import choose_async
from bilayer.drift.readers.drivers import ConnectionRefused
from bilayer.drift.readers.migrations import load_config
from tests.bilayer.drift.project import CREATE, ENV, write_project

BOTH = {"asyncpg", "psycopg"}
SERVER = sa.make_url("postgresql+psycopg2://u:p@127.0.0.1:54320/bilayer_scratch")


@pytest.mark.parametrize(
    ("asked", "scratch", "installed", "expected"),
    [
        ("postgresql+asyncpg://h/x", "sqlite:///s.db", {"aiosqlite"}, "sqlite+aiosqlite"),
        ("driver://h/x", "postgresql://h/s", {"psycopg"}, "postgresql+psycopg"),
        ("postgresql+psycopg://h/x", "postgresql://h/s", BOTH, "postgresql+psycopg"),
        ("mysql+pymysql://h/s", "mysql+pymysql://h/s", {"aiomysql", "asyncmy"}, "mysql+aiomysql"),
        ("mariadb+asyncmy://h/x", "mysql+pymysql://h/s", {"aiomysql", "asyncmy"}, "mysql+asyncmy"),
    ],
)  # fmt: skip
def test_asyncio_engine_gets_a_driver_of_its_kind(
    asked: str, scratch: str, installed: set[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in installed or None)

    url = choose_async(sa.make_url(asked), sa.make_url(scratch))

    assert url.drivername == expected
    assert url.database == sa.make_url(scratch).database


def test_asyncio_engine_without_a_driver_says_which_to_install(tmp_path: Path) -> None:
    hidden = "import importlib.util\nimportlib.util.find_spec = lambda name: None\n"
    engine = 'sa.create_engine("postgresql+asyncpg://h/x", _is_async=True)'
    env = hidden + ENV.replace(
        'sa.engine_from_config(context.config.get_section("alembic"))', engine
    )
    config = write_project(tmp_path, env, first=CREATE)

    report = bilayer.check(metadata=sa.MetaData(), migrations=config)

    assert "asyncio engine on sqlite needs aiosqlite: install one" in report.failures[0].reason


def test_driver_that_a_revision_imports_is_guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library" / "MySQLdb"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "connections.py").write_text("class Connection:\n    pass\n")
    monkeypatch.syspath_prepend(str(library.parent))
    reach = "from MySQLdb.connections import Connection\nConnection(host='live.example')"
    config = write_project(tmp_path, first=f"{CREATE}\n{reach}")

    report = bilayer.check(metadata=sa.MetaData(), migrations=config)

    assert "refused to connect to live.example" in report.failures[0].reason


@pytest.mark.parametrize("database", ["live", "bilayer_scratch"])
@pytest.mark.parametrize("driver", ["asyncpg", "aiomysql"])
def test_asyncio_driver_reaches_no_other_database_of_its_server(driver: str, database: str) -> None:
    async def connect(*_arguments: Any, **_options: Any) -> str:
        return "connected"

    if driver == "asyncpg":
        module = SimpleNamespace(_connect_addr=connect)
        later_drivers._patch_asyncpg(module, SERVER)
        tried = module._connect_addr(params=SimpleNamespace(database=database), addr=("h", 1))
    else:
        kind = type("Connection", (), {"_connect": connect, "db": database})
        later_drivers._patch_aiomysql(SimpleNamespace(Connection=kind), SERVER)
        tried = kind()._connect()

    if database == "live":
        with pytest.raises(ConnectionRefused, match="the database live"):
            asyncio.run(tried)
    else:
        assert asyncio.run(tried) == "connected"


@pytest.mark.parametrize("name", ["alembic.ini", "pyproject.toml"])
def test_settings_are_read_from_both_files_as_alembic_does(name: str, tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = sqlite:///of_ini.db\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/of_toml"\n'
    )

    config = load_config(tmp_path / name)

    assert config.get_main_option("sqlalchemy.url") == "sqlite:///of_ini.db"
    assert config.get_alembic_option("script_location") == f"{tmp_path}/of_toml"
