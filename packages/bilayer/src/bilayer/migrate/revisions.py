"""What a revision may ask about the run it is part of."""

from alembic import op


def commits_each_statement() -> bool:
    """Tell whether each DDL statement commits by itself, as on MariaDB and MySQL.

    There a killed revision stays half applied, and ``IF [NOT] EXISTS`` lets it be run again. Where
    the revision is one transaction it must not be used: it would take another project's table
    of the same name for our own.
    """
    return not op.get_context().impl.transactional_ddl
