"""The safe way of each operation, as the Alembic calls that go into a revision."""

from __future__ import annotations

from bilayer.drift.lint.steps import Step

BLOCK = "with op.get_context().autocommit_block():\n    "


def build_index_concurrently(step: Step) -> str:
    """Build an index while the table is written to; a failed attempt leaves an invalid one."""
    name, table = step.get("name"), step.table
    unique = ", unique=True" if step.get("is_unique") else ""
    return (
        BLOCK
        + f'op.drop_index("{name}", "{table}", if_exists=True, postgresql_concurrently=True)\n'
        f'    op.create_index("{name}", "{table}", [...]{unique}, postgresql_concurrently=True)'
    )


def drop_index_concurrently(step: Step) -> str:
    """Drop an index without waiting for whoever reads the table."""
    return (
        BLOCK + f'op.drop_index("{step.get("name")}", if_exists=True, postgresql_concurrently=True)'
    )


def validate_later(step: Step, call: str) -> str:
    """Add a constraint for new rows only; the next revision has the old ones checked."""
    name = step.get("name") or "<name>"
    return (
        f"{call}\n# and in the next revision, which lets others read and write meanwhile:\n"
        f'op.execute("ALTER TABLE {step.table} VALIDATE CONSTRAINT {name}")'
    )


def add_foreign_key(step: Step) -> str:
    """Add a foreign key in two revisions."""
    name = step.get("name") or "<name>"
    call = (
        f'op.create_foreign_key("{name}", "{step.table}", "<target>", [...], [...],'
        " postgresql_not_valid=True)"
    )
    return validate_later(step, call)


def add_check(step: Step) -> str:
    """Add a check in two revisions."""
    name = step.get("name") or "<name>"
    call = (
        f'op.create_check_constraint("{name}", "{step.table}", "<condition>",'
        " postgresql_not_valid=True)"
    )
    return validate_later(step, call)


def add_unique(step: Step) -> str:
    """Build the index first, and make a constraint of it."""
    name = step.get("name") or "<name>"
    word = "PRIMARY KEY" if step.get("constraint") == "primary_key" else "UNIQUE"
    return (
        BLOCK + f'op.create_index("{name}", "{step.table}", [...], unique=True,'
        " postgresql_concurrently=True)\n"
        "# and in the next revision:\n"
        f'op.execute("ALTER TABLE {step.table} ADD CONSTRAINT {name} {word} USING INDEX {name}")'
    )


def set_not_null(step: Step) -> str:
    """Let a check prove it, so that nobody waits for a look at every row."""
    table, column = step.table, step.get("name")
    check = f"ck_{table}_{column}_not_null"
    return (
        f'op.create_check_constraint("{check}", "{table}", "{column} IS NOT NULL",'
        " postgresql_not_valid=True)\n"
        "# in the next revision:\n"
        f'op.execute("ALTER TABLE {table} VALIDATE CONSTRAINT {check}")\n'
        "# and in the one after it, which finds the check and looks at no row:\n"
        f'op.alter_column("{table}", "{column}", nullable=False)\n'
        f'op.drop_constraint("{check}", "{table}")'
    )


def add_then_fill(step: Step) -> str:
    """Add a column that may be empty, fill it in batches, and require it then."""
    table, column = step.table, step.get("name")
    return (
        f'op.add_column("{table}", sa.Column("{column}", ..., nullable=True))\n'
        f"# in the next revision, a batch of rows in each transaction until {column} is full:\n"
        + BLOCK
        + f'op.execute(sa.update(sa.table("{table}", sa.column("{column}"))).where(...))\n'
        "# and in the one after it: NOT NULL, by way of a check"
    )


def expand_and_contract(step: Step) -> str:
    """Put the new thing beside the old one, move, and take the old one away at last."""
    table, column = step.table, step.get("name") or "<column>"
    return (
        f'op.add_column("{table}", sa.Column("<new {column}>", ..., nullable=True))\n'
        "# write both from the next release on, copy in batches, read the new one, and when no\n"
        f'# process of an older release is left:\nop.drop_column("{table}", "{column}")'
    )


def truncate_by_name(step: Step) -> str:
    """Empty the tables that are meant, and fail where another refers to one of them."""
    return f'op.execute("TRUNCATE {step.table}, <each table that refers to it>")'


def place_enum_value(step: Step) -> str:
    """Say where among the words a new one stands."""
    statement = f"ALTER TYPE {step.get('enum')} ADD VALUE '<word>' AFTER '<its neighbour>'"
    return f'op.execute("{statement}")'


def replace_enum_value(step: Step) -> str:
    """Add the new word; move the rows when nothing writes the old one any more."""
    return (
        f"{place_enum_value(step)}\n"
        "# and in a later release, when no older one runs, a batch in each transaction:\n"
        "# give each row that has the old word the new one"
    )
