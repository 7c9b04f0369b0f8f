"""Number synced rows.

Why: rows that were there before versions were must have one, in the order in which they changed,
or no device would ever ask for them. Accounts are numbered in batches, so that no statement runs
for long and rows are not locked for long; an attempt that is killed is repeated from the start,
with the same result. What an older release writes meanwhile has version 0: `backend sync number`
finds it.
"""

import uuid
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from bilayer import types

revision = "60c9b5e3d714"
down_revision = "e84d2c7f1a36"
branch_labels = None
depends_on = None

ACCOUNTS = 500

users = sa.table("users", sa.column("id", types.UUID()))
installation = sa.table(
    "installation",
    sa.column("id", sa.Integer()),
    sa.column("epoch", types.UUID()),
    sa.column("raised_at", types.UTCDateTime()),
)
heads = sa.table(
    "sync_heads",
    sa.column("user_id", types.UUID()),
    sa.column("version", sa.BigInteger()),
    sa.column("epoch", types.UUID()),
    sa.column("floor", sa.BigInteger()),
    sa.column("changed_at", types.UTCDateTime()),
)


def _synced(name: str, *more: sa.ColumnClause[object]) -> sa.TableClause:
    return sa.table(
        name,
        sa.column("user_id", types.UUID()),
        sa.column("updated_at", types.UTCDateTime()),
        sa.column("version", sa.BigInteger()),
        *more,
    )


history = _synced("history", sa.column("id", types.UUID()))
profiles = _synced("profiles")
consents = _synced("user_consents")


def upgrade() -> None:
    # Numbers that were given before mean nothing any more, so clients must not come with them.
    op.execute(installation.delete())
    op.execute(installation.insert().values(id=1, epoch=uuid.uuid4(), raised_at=types.utcnow()))
    if op.get_context().dialect.name == "postgresql" and not op.get_context().as_sql:
        with op.get_context().autocommit_block():
            _number_all()
    else:
        _number_all()


def downgrade() -> None:
    op.execute(heads.delete())
    for table in (history, profiles, consents):
        op.execute(table.update().where(table.c.version != 0).values(version=0))


def _number_all() -> None:
    for is_in_batch in _batches():
        _number_history(is_in_batch(history.c.user_id))
        for table in (profiles, consents):
            _number_among_history(table, is_in_batch(table.c.user_id))
        _make_heads(is_in_batch)


def _batches() -> Iterator["_Batch"]:
    if op.get_context().as_sql:
        yield _Batch(None, None)
        return
    connection, after = op.get_bind(), uuid.UUID(int=0)
    while True:
        batch = sa.select(users.c.id).where(users.c.id > after).order_by(users.c.id).limit(ACCOUNTS)
        found = connection.scalars(batch).all()
        if not found:
            return
        yield _Batch(after, found[-1])
        after = found[-1]


class _Batch:
    """The accounts behind one and up to another."""

    def __init__(self, after: uuid.UUID | None, until: uuid.UUID | None) -> None:
        self._after, self._until = after, until

    def __call__(self, owner: sa.ColumnElement[uuid.UUID]) -> sa.ColumnElement[bool]:
        if self._until is None:
            return sa.true()
        return sa.and_(owner > self._after, owner <= self._until)


def _number_history(is_in_batch: sa.ColumnElement[bool]) -> None:
    order = [history.c.updated_at, history.c.id]
    number = sa.func.row_number().over(partition_by=history.c.user_id, order_by=order)
    numbered = sa.select(history.c.user_id, history.c.id, number.label("number"))
    rows = numbered.where(is_in_batch).subquery("numbered")
    op.execute(
        history.update()
        .where(history.c.user_id == rows.c.user_id, history.c.id == rows.c.id)
        .values(version=rows.c.number)
    )


def _number_among_history(table: sa.TableClause, is_in_batch: sa.ColumnElement[bool]) -> None:
    """Give the one row of an account the number of the action that came after it."""
    older = sa.select(sa.func.count() + 1).select_from(history)
    older = older.where(
        history.c.user_id == table.c.user_id, history.c.updated_at <= table.c.updated_at
    )
    number = older.correlate(table).scalar_subquery()
    op.execute(table.update().where(is_in_batch).values(version=number))


def _make_heads(is_in_batch: _Batch) -> None:
    parts = [
        sa.select(table.c.user_id, table.c.version, table.c.updated_at).where(
            is_in_batch(table.c.user_id)
        )
        for table in (history, profiles, consents)
    ]
    rows = sa.union_all(*parts).subquery("rows_of")
    epoch = sa.select(installation.c.epoch).scalar_subquery()
    last = sa.select(
        rows.c.user_id,
        sa.func.max(rows.c.version),
        epoch,
        sa.literal_column("0"),
        sa.func.max(rows.c.updated_at),
    ).group_by(rows.c.user_id)
    # An attempt that was killed has left some, of its epoch, and rows have changed since.
    op.execute(heads.delete().where(is_in_batch(heads.c.user_id)))
    op.execute(heads.insert().from_select(list(heads.c), last))
