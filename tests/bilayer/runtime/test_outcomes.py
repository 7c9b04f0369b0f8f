"""What is known when COMMIT or its answer fails: refused, undone, or unknown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    ConnectionLost,
    Database,
    Field,
    ForeignKeyViolation,
    OutcomeUnknown,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.owners import add, names
from tests.support.proxy import Proxy


@only("postgresql", "sqlite")
def test_commit_that_is_refused_commits_nothing(empty_database_url: str) -> None:
    with _deferred_children(empty_database_url) as database:
        db = database.dal
        with pytest.raises(ForeignKeyViolation), database.transaction():
            db.children.insert(id=1, parent=7)
            assert db(db.children).count() == 1

        assert not database.in_transaction
        assert db(db.children).count() == 0
        with database.transaction():
            db.children.insert(id=1, parent=7)
            db.parents.insert(id=7)
        assert db(db.children).count() == 1


@only("postgresql", "mariadb")
def test_commit_without_an_answer_has_an_unknown_outcome(tables_url: str, core: sa.Engine) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        db(db.owners).count()
        proxy.lose_answer_to("COMMIT")

        with pytest.raises(OutcomeUnknown), database.transaction():
            add(db, "perhaps")

        assert not database.in_transaction
        assert names(core) == {"perhaps"}
        assert db(db.owners).count() == 1


@only("postgresql", "mariadb")
def test_write_outside_a_transaction_without_an_answer_has_an_unknown_outcome(
    tables_url: str, core: sa.Engine
) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        db(db.owners).count()
        proxy.lose_answer_to("INSERT INTO")

        with pytest.raises(OutcomeUnknown):
            add(db, "perhaps")

        assert names(core) == {"perhaps"}


@only("postgresql", "mariadb")
def test_read_outside_a_transaction_without_an_answer_is_a_lost_connection(tables_url: str) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        query = database.dal(database.dal.owners)
        query.count()
        proxy.lose_answer_to("SELECT COUNT")

        with pytest.raises(ConnectionLost) as failure:
            query.count()

        assert not isinstance(failure.value, OutcomeUnknown)
        assert query.count() == 0


@only("postgresql", "mariadb")
def test_statement_without_an_answer_inside_a_block_commits_nothing(
    tables_url: str, core: sa.Engine
) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        proxy.lose_answer_to("INSERT INTO")

        with pytest.raises(ConnectionLost) as failure, database.transaction():
            db(db.owners).count()
            add(db, "lost")

        assert not isinstance(failure.value, OutcomeUnknown)
        assert names(core) == set()


def _deferred_children(url: str) -> Database:
    """Make a table whose foreign key is checked at COMMIT."""
    tables = sa.MetaData()
    sa.Table("parents", tables, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "children",
        tables,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "parent",
            sa.ForeignKey("parents.id", name="fk_parent", deferrable=True, initially="DEFERRED"),
        ),
    )
    core = sa.create_engine(url)
    tables.create_all(core)
    core.dispose()
    database = Database.connect(url)
    database.dal.define_table("parents", Field("id", "id"))
    database.dal.define_table("children", Field("id", "id"), Field("parent", "integer"))
    return database
