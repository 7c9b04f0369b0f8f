"""The dump."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute(
        "CREATE TABLE member (id int(10) unsigned NOT NULL AUTO_INCREMENT, name varchar(80) NOT NULL,"
        " active tinyint(1) NOT NULL DEFAULT 1, points int(10) unsigned NOT NULL DEFAULT 0,"
        " PRIMARY KEY (id)) ENGINE=MyISAM DEFAULT CHARSET=latin1"
    )
    op.execute(
        "CREATE TABLE visit (id int(10) unsigned NOT NULL AUTO_INCREMENT,"
        " member_id int(10) unsigned NOT NULL, Door varchar(10), PRIMARY KEY (id),"
        " KEY ix_visit_member_id (member_id)) ENGINE=MyISAM DEFAULT CHARSET=latin1"
    )


def downgrade():
    op.execute("DROP TABLE visit")
    op.execute("DROP TABLE member")
