"""The shop's env.py reads its own environment: the live database there is not reached."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from bilayer.urls import parse_url
from tests.bilayer.examples.project import Project


def test_live_database_of_the_environment_stays_as_it_is(
    dialect: str,
    empty_database_url: str,
    scratch_url: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = sa.create_engine(parse_url(empty_database_url))
    with live.begin() as connection:
        connection.execute(sa.text("CREATE TABLE customer (id INTEGER PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO customer VALUES (7)"))
    address = parse_url(empty_database_url).render_as_string(hide_password=False)
    monkeypatch.setenv("SHOP_DATABASE_URL", address)
    project = Project("shop", tmp_path)

    _, report = project.check(dialect, scratch_url)
    project.run("lint", "--dialect", dialect)

    assert report["failures"] == []
    assert "models-migrations" in {finding["pair"] for finding in report["findings"]}
    with live.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["customer"]
        assert connection.execute(sa.text("SELECT * FROM customer")).all() == [(7,)]
    live.dispose()
