"""Keys of SQLite in spellings that SQLAlchemy's own patterns take for something else."""

import pytest
import sqlalchemy as sa

from bilayer.drift.readers.database import read_catalog
from bilayer.drift.snapshot import Table

STATEMENTS = [
    "CREATE TABLE a (id INTEGER PRIMARY KEY, x INT, y INT, UNIQUE (x, y))",
    """CREATE TABLE inline (id INTEGER PRIMARY KEY, cut INT REFERENCES a (id) ON DELETE CASCADE,
      short INT REFERENCES a, late INT REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED,
      soon INT REFERENCES a (id) NOT DEFERRABLE, name TEXT COLLATE NOCASE UNIQUE)""",
    """CREATE TABLE beside (id INTEGER PRIMARY KEY, "p, q" INT, [r] INT, u TEXT, z INT,
      CONSTRAINT "my fk" FOREIGN KEY ("p, q", r) REFERENCES a ("x", [y]) -- said, so
        ON UPDATE SET
        NULL DEFERRABLE,
      CONSTRAINT `un i` UNIQUE (u COLLATE NOCASE), CONSTRAINT [t2] UNIQUE("p, q",`R`),
      CONSTRAINT one FOREIGN KEY (z) REFERENCES inline (id) ON DELETE RESTRICT,
      CONSTRAINT two FOREIGN KEY (z) REFERENCES a ON DELETE CASCADE,
      CHECK (u <> 'FOREIGN KEY (u) REFERENCES a'), FOREIGN KEY (u) REFERENCES nowhere,
      UNIQUE (r, u) ON CONFLICT IGNORE)""",
]


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        for statement in STATEMENTS:
            connection.exec_driver_sql(statement)
        return dict(read_catalog(connection).tables)


def test_foreign_keys_of_columns(tables: dict[str, Table]) -> None:
    found = {link.columns[0]: link for link in tables["inline"].foreign_keys}

    assert list(found) == ["cut", "short", "late", "soon"]
    assert {(link.target, link.target_columns) for link in found.values()} == {("a", ("id",))}
    assert [link.ondelete for link in found.values()] == ["CASCADE", "", "", ""]
    late = "DEFERRABLE INITIALLY DEFERRED"
    assert [link.deferrable for link in found.values()] == ["", "", late, ""]


def test_foreign_keys_beside_the_columns(tables: dict[str, Table]) -> None:
    found = [
        (link.name, link.columns, link.target, link.target_columns, link.ondelete, link.onupdate)
        for link in tables["beside"].foreign_keys
    ]

    assert found == [
        ("my fk", ("p, q", "r"), "a", ("x", "y"), "", "SET NULL"),
        ("one", ("z",), "inline", ("id",), "RESTRICT", ""),
        ("two", ("z",), "a", ("id",), "CASCADE", ""),
        (None, ("u",), "nowhere", (), "", ""),
    ]
    assert [link.deferrable for link in tables["beside"].foreign_keys] == ["DEFERRABLE", "", "", ""]


def test_unique_constraints(tables: dict[str, Table]) -> None:
    found = {name: {each.columns: each.name for each in t.uniques} for name, t in tables.items()}

    assert found == {
        "a": {("x", "y"): None},
        "inline": {("name",): None},
        "beside": {("u",): "un i", ("p, q", "r"): "t2", ("r", "u"): None},
    }
