"""The models say what the revisions make, and whoever forgets a revision is told."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.util import CommandError

from bilayer import migrate


def test_models_equal_what_the_revisions_make(config: Config, migrated_database_url: str) -> None:
    migrate.check(config, url=migrated_database_url)


def test_each_difference_between_models_and_database_is_named(
    config: Config, migrated_database_url: str, engine: str
) -> None:
    with sa.create_engine(migrated_database_url, poolclass=sa.NullPool).begin() as connection:
        for statement in CHANGES + CHANGES_OF[engine]:
            connection.exec_driver_sql(statement)

    with pytest.raises(CommandError) as refusal:
        migrate.check(config, url=migrated_database_url)

    told = str(refusal.value)
    assert "'remove_column', None, 'users', Column('forgotten'" in told
    assert "'add_column', None, 'sessions', Column('user_agent'" in told
    assert "'add_index', Index('ix_history_user_id_version'" in told
    assert "'add_table', Table('login_attempts'" in told
    assert "'modify_default', None, 'logins', 'failed'" in told
    assert ("'modify_type', None, 'users', 'full_name'" in told) == (engine != "sqlite")
    assert ("'modify_nullable', None, 'history', 'payload'" in told) == (engine != "sqlite")


def test_check_of_an_empty_database_asks_for_the_upgrade(
    config: Config, empty_database_url: str
) -> None:
    with pytest.raises(CommandError, match="not up to date"):
        migrate.check(config, url=empty_database_url)

    assert migrate.current(empty_database_url) == ()


CHANGES = [
    "ALTER TABLE users ADD COLUMN forgotten INTEGER",
    "ALTER TABLE sessions DROP COLUMN user_agent",
    "DROP TABLE login_attempts",
]
CHANGES_OF = {
    "sqlite": [
        "DROP INDEX ix_history_user_id_version",
        "ALTER TABLE logins DROP COLUMN failed",
        "ALTER TABLE logins ADD COLUMN failed INTEGER NOT NULL DEFAULT 1",
    ],
    "postgresql": [
        "DROP INDEX ix_history_user_id_version",
        "ALTER TABLE logins ALTER COLUMN failed SET DEFAULT 1",
        "ALTER TABLE users ALTER COLUMN full_name TYPE varchar(10)",
        "ALTER TABLE history ALTER COLUMN payload DROP NOT NULL",
    ],
    "mariadb": [
        "DROP INDEX ix_history_user_id_version ON history",
        "ALTER TABLE logins ALTER COLUMN failed SET DEFAULT 1",
        "ALTER TABLE users MODIFY full_name varchar(10)",
        "ALTER TABLE history MODIFY payload json NULL",
    ],
}
