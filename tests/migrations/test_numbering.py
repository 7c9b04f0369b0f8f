"""Rows that were there before versions were: each gets one, in the order in which rows changed."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from app.db.models import metadata
from bilayer import migrate

MORNING = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
ADA, BOB, EVE = (uuid.UUID(int=number) for number in (1, 2, 3))


def at(minutes: int) -> dt.datetime:
    return MORNING + dt.timedelta(minutes=minutes)


def fill(connection: sa.Connection) -> None:
    tables = metadata.tables
    for user in (ADA, BOB, EVE):
        connection.execute(
            tables["users"]
            .insert()
            .values(
                id=user,
                email=f"{user}@x",
                email_key=f"{user}@x",
                password_hash="x",
                created_at=MORNING,
                updated_at=MORNING,
            )
        )
    actions = [(ADA, 1, 30), (ADA, 2, 10), (ADA, 3, 10), (BOB, 1, 5)]
    for user, number, minutes in actions:
        connection.execute(
            tables["history"]
            .insert()
            .values(
                user_id=user,
                id=uuid.UUID(int=number),
                action_type="A",
                payload={},
                created_at=MORNING,
                updated_at=at(minutes),
            )
        )
    for user, minutes in ((ADA, 20), (BOB, 1)):
        connection.execute(
            tables["profiles"].insert().values(user_id=user, preferences={}, updated_at=at(minutes))
        )
    consents = sa.text(
        "INSERT INTO user_consents (user_id, timestamp, updated_at) VALUES (:user, :at, :at)"
    ).bindparams(
        sa.bindparam("user", type_=tables["users"].c.id.type),
        sa.bindparam("at", type_=tables["users"].c.created_at.type),
    )
    connection.execute(consents, {"user": ADA, "at": at(40)})


def versions(connection: sa.Connection, name: str) -> dict[Any, int]:
    table = metadata.tables[name]
    rows = connection.execute(sa.select(table.c.version, *table.primary_key)).all()
    return {
        tuple(key)[-1] if len(key) == 1 else (key[0], key[1].int): number for number, *key in rows
    }


def test_rows_are_numbered_in_the_order_in_which_they_changed(
    config: Config, empty_database_url: str
) -> None:
    migrate.upgrade(config, "9e1c4f7b20d8", url=empty_database_url)
    engine = sa.create_engine(empty_database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        fill(connection)

    migrate.upgrade(config, "60c9b5e3d714", url=empty_database_url)

    with engine.connect() as connection:
        assert versions(connection, "history") == {
            (ADA, 2): 1,
            (ADA, 3): 2,
            (ADA, 1): 3,
            (BOB, 1): 1,
        }
        # Between the second and the third action; before the first; after the last.
        assert versions(connection, "profiles") == {ADA: 3, BOB: 1}
        assert versions(connection, "user_consents") == {ADA: 4}
        heads = metadata.tables["sync_heads"]
        rows = connection.execute(sa.select(heads)).mappings().all()
        found = {row["user_id"]: (row["version"], row["floor"], row["changed_at"]) for row in rows}
        assert found == {ADA: (4, 0, at(40)), BOB: (1, 0, at(5))}
        [epoch] = connection.scalars(sa.select(metadata.tables["installation"].c.epoch))
        assert {row["epoch"] for row in rows} == {epoch}


def test_numbering_again_gives_the_same_numbers_in_another_epoch(
    config: Config, empty_database_url: str
) -> None:
    migrate.upgrade(config, "9e1c4f7b20d8", url=empty_database_url)
    engine = sa.create_engine(empty_database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        fill(connection)
    found = []
    for _ in range(2):
        migrate.upgrade(config, "60c9b5e3d714", url=empty_database_url)
        with engine.connect() as connection:
            [epoch] = connection.scalars(sa.select(metadata.tables["installation"].c.epoch))
            found.append((versions(connection, "history"), epoch))
        migrate.downgrade(config, "-1", url=empty_database_url)

    (first, before), (second, after) = found
    assert first == second
    assert before != after


def test_an_attempt_after_one_that_was_killed_numbers_what_came_in_between(
    config: Config, empty_database_url: str
) -> None:
    migrate.upgrade(config, "9e1c4f7b20d8", url=empty_database_url)
    engine = sa.create_engine(empty_database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        fill(connection)
    migrate.upgrade(config, "60c9b5e3d714", url=empty_database_url)
    # Killed before it was noted as done, while the older release went on.
    migrate.stamp(config, "e84d2c7f1a36", url=empty_database_url)
    history, heads = metadata.tables["history"], metadata.tables["sync_heads"]
    with engine.begin() as connection:
        row = {"user_id": ADA, "action_type": "A", "payload": {}, "created_at": MORNING}
        rows = [{**row, "id": uuid.UUID(int=i), "updated_at": at(40 + i)} for i in range(4, 9)]
        connection.execute(history.insert(), rows)

    migrate.upgrade(config, "60c9b5e3d714", url=empty_database_url)

    with engine.connect() as connection:
        last = connection.scalar(sa.select(sa.func.max(history.c.version)))
        head = connection.execute(sa.select(heads).where(heads.c.user_id == ADA)).one()
        assert (head.version, head.changed_at) == (last, at(48)) == (8, at(48))
        [epoch] = connection.scalars(sa.select(metadata.tables["installation"].c.epoch))
        assert head.epoch == epoch
