"""PostgreSQL need not write twice what may vanish: made by a revision or by the models."""

import pytest
import sqlalchemy as sa

from app.db.models import metadata

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
PERSISTENCE = (
    "SELECT relname, relpersistence FROM pg_class WHERE relname IN ('query_cache', 'leases')"
)


def persistence_of(connection: sa.Connection) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.exec_driver_sql(PERSISTENCE)}


def test_revisions_make_the_cache_unlogged_and_the_claims_not(migrated_database_url: str) -> None:
    with sa.create_engine(migrated_database_url, poolclass=sa.NullPool).connect() as connection:
        assert persistence_of(connection) == {"query_cache": "u", "leases": "p"}


def test_models_make_the_cache_unlogged_too(empty_database_url: str) -> None:
    engine = sa.create_engine(empty_database_url, poolclass=sa.NullPool)
    metadata.create_all(engine)

    with engine.connect() as connection:
        assert persistence_of(connection) == {"query_cache": "u", "leases": "p"}
