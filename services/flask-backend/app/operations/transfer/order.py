"""In which order tables can be filled, and what a database counts on by itself."""

from typing import Final

import sqlalchemy as sa

from bilayer.runtime import Database

_SEQUENCES: Final = """
    SELECT quote_ident(columns.table_name), quote_ident(columns.column_name), made.sequence
    FROM information_schema.columns,
        pg_get_serial_sequence(quote_ident(columns.table_name), columns.column_name)
            AS made(sequence)
    WHERE columns.table_schema = current_schema() AND made.sequence IS NOT NULL"""


def list_tables(database: Database) -> list[str]:
    """List the tables of the application, those that others refer to before those others.

    The database says what refers to what: its foreign keys are what will be checked.
    """
    database.release()  # there is one connection
    with database.engine.connect() as connection:
        found = sa.inspect(connection).get_sorted_table_and_fkc_names()
    known = set(database.dal.tables)
    return [name for name, _ in found if name is not None and name in known]


def advance_sequences(database: Database) -> None:
    """Let what counts by itself on PostgreSQL go on behind the rows there are.

    The other engines see to it when they take a row.
    """
    if database.engine_name != "postgresql":
        return
    run = database.dal.executesql
    for table, column, sequence in run(_SEQUENCES):
        last = f"(SELECT max({column}) FROM {table})"  # noqa: S608 - names that the server quoted
        run(f"SELECT setval('{sequence}', {last}) WHERE {last} IS NOT NULL")
