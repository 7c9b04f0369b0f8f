"""URLs and passwords: read as they are, and never shown."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime import (
    ConnectionLost,
    Database,
)
from bilayer.urls import UnsupportedURL
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only

DEAD_PORT = 1


PASSWORD = "p@ss/w%rd:#?&=+ x"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "mariadb"])
def test_driver_gets_the_password_as_it_is(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.URL.create(scheme, "us@er", PASSWORD, "127.0.0.1", DEAD_PORT, "name")
    given: list[Any] = []

    with Database.connect(url.render_as_string(hide_password=False)) as database:

        @event.listens_for(database.engine, "do_connect")
        def _look(dialect: Any, record: Any, arguments: Any, keywords: dict[str, Any]) -> None:
            given.extend((keywords["user"], keywords["password"]))

        with pytest.raises(ConnectionLost) as failure:
            database.dal.executesql("SELECT 1")

    assert given[0] == "us@er"
    assert given[1] in (PASSWORD, PASSWORD.encode())
    assert (
        PASSWORD not in f"{failure.value!r} {failure.value.__cause__} {failure.value.__context__}"
    )


@only("mariadb")
@pytest.mark.parametrize("password", [PASSWORD, "pässwörd"])
def test_password_with_any_character_opens_the_door(
    tables_url: str, core: sa.Engine, password: str
) -> None:
    name = f"u{uuid.uuid4().hex[:12]}"
    with core.begin() as connection:
        connection.execute(
            sa.text(f"CREATE USER {name}@'%' IDENTIFIED BY :password"), {"password": password}
        )
        connection.exec_driver_sql(f"GRANT ALL ON *.* TO {name}@'%%'")
    try:
        url = sa.make_url(tables_url).set(username=name, password=password)
        with Database.connect(url.render_as_string(hide_password=False)) as database:
            assert database.dal.executesql("SELECT 1")[0][0] == 1
    finally:
        with core.begin() as connection:
            connection.exec_driver_sql(f"DROP USER {name}@'%%'")


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize("user", ["someone", "us@er.x+1"])
def test_nothing_shows_the_password(scheme: str, user: str) -> None:
    url = sa.URL.create(scheme, user, "hidden-secret", "127.0.0.1", DEAD_PORT, "name")

    with Database.connect(url) as database:
        adapter = database.dal._adapter
        shown = [database, database.dal, database.engine, database.engine.url, adapter]
        shown += [database.dal._uri, adapter.uri, database.engine.pool]

    assert not [item for item in shown if "hidden-secret" in f"{item!r} {item}"]


@pytest.mark.parametrize(
    "url", ["oracle://u:hidden@h/x", "postgresql+asyncpg://u:hidden@h/x", "://u:hidden@h", "hidden"]
)
def test_unusable_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UnsupportedURL) as refusal:
        Database.connect(url)

    assert "hidden" not in str(refusal.value)


def test_echo_logs_statements_without_their_values(
    tables_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"), schema.connect(tables_url, echo=True) as database:
        database.dal.owners.insert(id=uuid.uuid4(), name="canary-value")

    assert "INSERT INTO" in caplog.text
    assert "canary-value" not in caplog.text
