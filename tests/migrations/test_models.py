"""The models say what the revisions make, and whoever forgets a revision is told."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.util import CommandError

from bilayer import migrate


def test_models_equal_what_the_revisions_make(config: Config, migrated_database_url: str) -> None:
    migrate.check(config, url=migrated_database_url)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE users ADD COLUMN forgotten INTEGER", "forgotten"),
        ("ALTER TABLE history DROP COLUMN action_type", "action_type"),
        ("DROP INDEX ix_history_user_id_version {of_history}", "ix_history_user_id_version"),
        ("ALTER TABLE logins {add_with_other_default}", "modify_default"),
        ("DROP TABLE login_attempts", "login_attempts"),
    ],
)
def test_difference_between_models_and_database_is_named(
    config: Config, migrated_database_url: str, engine: str, change: str, told: str
) -> None:
    is_mariadb = engine == "mariadb"
    change = change.format(
        of_history="ON history" if is_mariadb else "",
        add_with_other_default=OTHER_DEFAULT[engine],
    )
    with sa.create_engine(migrated_database_url, poolclass=sa.NullPool).begin() as connection:
        for statement in change.split(";"):
            connection.exec_driver_sql(statement)

    with pytest.raises(CommandError, match=told):
        migrate.check(config, url=migrated_database_url)


def test_check_of_an_empty_database_asks_for_the_upgrade(
    config: Config, empty_database_url: str
) -> None:
    with pytest.raises(CommandError, match="not up to date"):
        migrate.check(config, url=empty_database_url)

    assert migrate.current(empty_database_url) == ()


OTHER_DEFAULT = {
    "sqlite": "DROP COLUMN failed; ALTER TABLE logins ADD COLUMN failed INTEGER NOT NULL DEFAULT 1",
    "postgresql": "ALTER COLUMN failed SET DEFAULT 1",
    "mariadb": "ALTER COLUMN failed SET DEFAULT 1",
}
