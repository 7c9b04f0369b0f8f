"""Settings."""  # BL102 -
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade():
    op.create_table("setting", sa.Column("id", sa.Integer, primary_key=True), sa.Column("word", sa.String(40)))


def downgrade():
    raise NotImplementedError
