"""Where a column is written: every usual way to write one is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from bilayer.drift.definitions.locate import map_models, map_revisions, map_runtime
from bilayer.drift.snapshot import Place

MODELS = """
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    mail: Mapped[str] = mapped_column("email", String(20))
    name = Column(String(20))
links = Table(
    "links",
    metadata,
    Column("user_id", Integer),
)
def make():
    return table("made", Column("x", Integer))
"""
RUNTIME = """
def define(db):
    db.define_table(
        "users",
        Field("id", "id"),
        Field("email", length=20),
    )
    keyed(db, "users2", [pydal.Field("x")])
    own("users3",
        Field("y"))
"""
REVISION = """
def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer),
        sa.Column("email", sa.String(20)),
    )
    with op.batch_alter_table("links") as batch:
        batch.add_column(sa.Column("user_id", sa.Integer))
    op.alter_column("users", "email", nullable=False)
    op.create_index("ix_name", "users", ["id"])
    op.execute('CREATE VIEW "app".recent AS SELECT 1')
    op.execute(sa.text("CREATE TRIGGER touch BEFORE UPDATE ON counters FOR EACH ROW CALL f()"))
def downgrade():
    op.drop_column("users", "id")
"""


def line_of(location: str | None) -> int | None:
    return int(location.rpartition(":")[2]) if location else None


@pytest.mark.parametrize(
    ("table", "column", "line"),
    [
        ("users", None, 2), ("users", "id", 4), ("users", "email", 5), ("users", "name", 6),
        ("links", None, 7), ("links", "user_id", 10), ("users", "gone", 2), ("made", "x", 13),
        ("app.links", "user_id", 10), ("nowhere", None, None),
    ],
)  # fmt: skip
def test_models(tmp_path: Path, table: str, column: str | None, line: int | None) -> None:
    path = tmp_path / "models.py"
    path.write_text(MODELS)

    assert line_of(map_models([path]).find(table, column)) == line


@pytest.mark.parametrize(
    ("table", "column", "line"),
    [("users", None, 3), ("users", "email", 6), ("users", "gone", 3), ("users3", "y", 10)],
)
def test_runtime(tmp_path: Path, table: str, column: str | None, line: int) -> None:
    path = tmp_path / "tables.py"
    path.write_text(RUNTIME)

    assert line_of(map_runtime([path]).find(table, column)) == line


@pytest.mark.parametrize(
    ("table", "column", "line"),
    [
        ("users", None, 11),
        ("users", "id", 5),
        ("users", "email", 10),
        ("links", "user_id", 9),
        ("app.recent", None, 12),
        ("counters", "n", 13),
    ],
)
def test_revisions(tmp_path: Path, table: str, column: str | None, line: int) -> None:
    path = tmp_path / "revision.py"
    path.write_text(REVISION)

    assert line_of(map_revisions([str(path)]).find(table, column)) == line


def test_a_file_that_is_no_python_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "models.py"
    path.write_text("Column( is no python")

    assert map_models([path]).find("no_such_table_anywhere") is None


COMPUTED = """
def define(db):
    for name in ("a", "b"):
        db.define_table(name, Field("x"))
    keyed("c",
        Field("y"))
    db.define_table(
        "d",
        Field("z"))
def keyed(name, *fields):
    db.define_table(name, *fields)
def define_other(db):
    db.define_table("a", Field("x"))
    db.define_table("d", Field("z"))
"""


@pytest.mark.parametrize(
    ("table", "column", "line"),
    [("a", None, 4), ("a", "x", 4), ("b", "x", 4), ("c", "y", 6), ("c", "gone", 5),
     ("d", None, 7), ("d", "z", 9)],
)  # fmt: skip
def test_a_table_is_located_where_it_was_defined(
    tmp_path: Path, table: str, column: str, line: int
) -> None:
    path = tmp_path / "tables.py"
    path.write_text(COMPUTED)
    lines = {"a": 4, "b": 4, "c": 11, "d": 7}
    places = {name: Place(str(path), number) for name, number in lines.items()}

    assert line_of(map_runtime([path], places).find(table, column)) == line
