"""Name."""
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("account", sa.Column("name", sa.String(80)))


def downgrade():
    raise NotImplementedError
