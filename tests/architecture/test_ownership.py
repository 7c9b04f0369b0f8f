"""Rows belong to users: user_id is part of every key, so that the schema shards by user.

The rule holds for every table but those named here with their reason.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.db.models import metadata

OWNED_BY_NOBODY = {
    "users": "the reference table that others point to",
    "login_attempts": "counts failures of addresses and of e-mails nobody has",
    "stripe_objects": "makes an outside id unique",
    "stripe_events": "an outside id, which may belong to no user",
    "consent_documents": "texts that everybody is shown",
    "installation": "says which database this is",
    "leases": "who does what only one may do",
    "audit_blocks": "seals the changes of everybody",
    "backups": "copies of everything",
}
SHARED = {
    "query_cache": "answers for everybody are the nil user's, which no row of users has",
    "audit_log": "changes of what belongs to nobody are the nil user's",
}
OWNED = [table for name, table in metadata.tables.items() if name not in OWNED_BY_NOBODY]


def owned_tables() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)


def unique_keys(table: sa.Table) -> list[list[str]]:
    constraints = [c for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    indexes = [index for index in table.indexes if index.unique]
    keys = [key.columns for key in constraints] + [index.columns for index in indexes]
    return [list(columns.keys()) for columns in keys]


def test_exceptions_are_tables_that_exist() -> None:
    assert set(OWNED_BY_NOBODY) <= set(metadata.tables)


@owned_tables()
def test_primary_key_begins_with_the_owner(table: sa.Table) -> None:
    assert next(iter(table.primary_key.columns.keys())) == "user_id"


@owned_tables()
def test_unique_keys_hold_the_owner(table: sa.Table) -> None:
    assert [key for key in unique_keys(table) if "user_id" not in key] == []


@owned_tables()
def test_foreign_keys_hold_the_owner(table: sa.Table) -> None:
    foreign = [list(key.column_keys) for key in table.foreign_key_constraints]

    assert [key for key in foreign if "user_id" not in key] == []


@owned_tables()
def test_the_owner_is_a_user(table: sa.Table) -> None:
    targets = {key.target_fullname for key in table.columns["user_id"].foreign_keys}

    assert bool(targets) is (table.name not in SHARED), f"{table.name}.user_id"


@pytest.mark.parametrize("table", metadata.tables.values(), ids=lambda table: table.name)
def test_every_constraint_and_index_has_a_name(table: sa.Table) -> None:
    names = [constraint.name for constraint in table.constraints]
    names += [index.name for index in table.indexes]

    assert all(names)


@pytest.mark.parametrize("table", metadata.tables.values(), ids=lambda table: table.name)
def test_no_column_has_a_default_that_only_sqlalchemy_would_fill_in(table: sa.Table) -> None:
    python_side = [c.name for c in table.columns if c.default is not None or c.onupdate is not None]

    assert python_side == []
