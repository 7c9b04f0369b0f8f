"""The statements that mend what Alembic has no operation for: objects, storage, states, names.

Makes operations; ``operations`` writes them as text.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic.operations import ops

from bilayer.drift.constraints import Index, Unique
from bilayer.drift.operations.constraints import write_constraint
from bilayer.drift.operations.wishes import Wish, execute
from bilayer.drift.schemas import split_parts
from bilayer.drift.snapshot import Table

_MYSQL: Final = ("mysql", "mariadb")


def write_object(wish: Wish) -> list[ops.MigrateOperation]:
    """Make, replace or drop what stands besides tables; guard a table by row."""
    item, other = wish.difference.item, wish.difference.other
    if isinstance(item, Table):
        return write_storage(wish)
    left, right = wish.difference.left or "", wish.difference.right or ""
    if {left, right} == {"enabled", "disabled"}:
        verb = left.removesuffix("d").upper()
        return _execute(_alter(wish, f"{verb} TRIGGER {wish.quote(item.name)}"))
    if item.kind == "domain" and other is not None:
        return []  # Columns use it, and it cannot be replaced under them.
    if item.kind == "sequence" and other is not None:
        return _execute(item.create.replace("CREATE", "ALTER", 1))
    dropped = other if other is not None else item
    statements = [] if right == f"no {item.kind}" else [dropped.drop]
    made = [] if left == f"no {item.kind}" else [item.create]
    return _execute(*statements, *made)


def write_storage(wish: Wish) -> list[ops.MigrateOperation]:
    """Store and guard a table as the left side does."""
    wanted = (wish.difference.left or "").split(", ")
    current = (wish.difference.right or "").split(", ")
    changes = [change for each in wanted if (change := _set(each, wish))]
    changes += [change for each in current if (change := _reset(each, wanted, wish))]
    return _execute(*(_alter(wish, change) for change in changes))


_SWITCHES: Final = {
    "UNLOGGED": ("SET UNLOGGED", "SET LOGGED"),
    "ROW LEVEL SECURITY": ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
    "FORCE ROW LEVEL SECURITY": ("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
}


def _set(option: str, wish: Wish) -> str | None:
    if option in _SWITCHES:
        return _SWITCHES[option][0]
    if "=" not in option:
        return None
    return option if wish.dialect.name in _MYSQL else f"SET ({option})"


def _reset(option: str, wanted: list[str], wish: Wish) -> str | None:
    if option in _SWITCHES:
        return _SWITCHES[option][1]
    name = option.partition("=")[0]
    if "=" not in option or any(each.startswith(f"{name}=") for each in wanted):
        return None
    return f"{name}=DEFAULT" if wish.dialect.name in _MYSQL else f"RESET ({name})"


def write_visibility(wish: Wish) -> list[ops.MigrateOperation]:
    """Show or hide a column of MariaDB, which wants to hear all of it again."""
    if wish.column is None:
        return []
    column = sa.schema.CreateColumn(wish.column).compile(dialect=wish.dialect)
    hidden = " INVISIBLE" if wish.difference.left == "INVISIBLE" else ""
    return _execute(_alter(wish, f"MODIFY {column}{hidden}"))


def write_state(wish: Wish) -> list[ops.MigrateOperation]:
    """Finish a constraint or an index, or let it be kept again."""
    item, left = wish.difference.item, wish.difference.left
    name = wish.quote(wish.difference.other.name)
    if left == "validated":
        return _execute(_alter(wish, f"VALIDATE CONSTRAINT {name}"))
    if left == "constraint":
        return _execute(_alter(wish, f"ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"))
    if left == "built":
        return _execute(f"REINDEX INDEX {_in_schema(wish, name)}")
    if left == "enforced":
        target = ".".join(map(wish.quote, split_parts(item.target)))
        tables = dict.fromkeys([wish.quote_table(), target])
        return _execute(*(f"ALTER TABLE {table} ENABLE TRIGGER ALL" for table in tables))
    return []


def write_rename(wish: Wish) -> list[ops.MigrateOperation]:
    """Give a constraint or index the name it has on the left side."""
    difference, item = wish.difference, wish.difference.item
    new, old = wish.quote(difference.left or ""), wish.quote(difference.right or "")
    is_index = isinstance(item, Index) or (isinstance(item, Unique) and item.is_index)
    if wish.dialect.name == "postgresql":
        if is_index:
            return _execute(f"ALTER INDEX {_in_schema(wish, old)} RENAME TO {new}")
        return _execute(_alter(wish, f"RENAME CONSTRAINT {old} TO {new}"))
    if wish.dialect.name in _MYSQL and isinstance(item, Index | Unique):
        return _execute(_alter(wish, f"RENAME INDEX {old} TO {new}"))
    if isinstance(item, Table):
        return []
    return write_constraint(difference, wish.table, wish.name, wish.schema)


def _alter(wish: Wish, change: str) -> str:
    return f"ALTER TABLE {wish.quote_table()} {change}"


def _in_schema(wish: Wish, quoted: str) -> str:
    return f"{wish.quote(wish.schema)}.{quoted}" if wish.schema else quoted


def _execute(*statements: str) -> list[ops.MigrateOperation]:
    return [execute(each) for each in statements]
