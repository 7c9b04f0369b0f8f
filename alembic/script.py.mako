"""${message}.

Why:

Before this is merged (and this list deleted):
- One intention. Schema and data never change in the same revision.
- Nothing of the application is imported; values that are needed are written here.
- The release before this one works on the new schema: add first, remove in a later release.
- A new column is nullable or has a constant server default.
- PostgreSQL: on a table with rows, an index is made CONCURRENTLY in an autocommit_block() of its
  own (drop it IF EXISTS first: a failed build leaves an invalid index); a foreign key or a check
  is added NOT VALID and validated in the next revision.
- MariaDB commits each statement: if_[not_]exists=commits_each_statement() (bilayer.migrate), so
  that a killed revision can be run again.
- SQLite: op.add_column and op.drop_column for plain columns, batch_alter_table(..., copy_from=...)
  for the rest, so that --sql needs no database. docs/migrations.md, "SQLite", has one of each.
- downgrade() is real, or raises with the reason.
"""

import sqlalchemy as sa
from alembic import op
${"\n" + imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Apply the change."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Undo the change."""
    ${downgrades if downgrades else "pass"}
