"""Report."""  # BL104 -
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade():
    op.create_table("report", sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(80)))


def downgrade():
    raise NotImplementedError
