"""Index preferences.

Why: accounts are looked up by what their preferences contain and by their company. Only PostgreSQL
has an index for either. ``profiles`` has rows, so the indexes are built while it is written to; an
attempt that was killed leaves one behind that is not valid, which the next attempt drops.
"""

import sqlalchemy as sa
from alembic import op

revision = "4d6e0b8a27c1"
down_revision = "19d8c35e6b70"
branch_labels = None
depends_on = None

CONTAINED = "ix_profiles_preferences"
COMPANY = "ix_profiles_company"


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    with op.get_context().autocommit_block():
        _drop()
        op.create_index(
            op.f(CONTAINED),
            "profiles",
            ["preferences"],
            postgresql_using="gin",
            postgresql_ops={"preferences": "jsonb_path_ops"},
            postgresql_concurrently=True,
        )
        op.create_index(
            op.f(COMPANY),
            "profiles",
            [sa.text("(preferences ->> 'company')")],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    for name in (COMPANY, CONTAINED):
        op.drop_index(op.f(name), "profiles", if_exists=True, postgresql_concurrently=True)
