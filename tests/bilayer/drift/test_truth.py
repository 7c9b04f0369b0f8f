"""The verdicts between models and PyDAL, held to what real engines and real adapters do.

Every PyDAL type is put over every kind of column, on every engine and adapter; tables of every
shape are selected from, inserted into and updated. What fails or changes a value has to be an
error, what works must not be one, and an insert that fails for want of a value is at least a
warning.
"""

from __future__ import annotations

from collections.abc import Iterator

import pydal
import pytest
import sqlalchemy as sa
from pydal.validators import IS_IN_SET

from bilayer.drift.compare.runtime import compare_runtime
from bilayer.drift.findings import Pair
from bilayer.drift.readers.database import read_catalog
from bilayer.drift.readers.pydal import read_runtime
from bilayer.drift.readers.sqlalchemy import load_dialect, read_models
from bilayer.drift.snapshot import Schema
from bilayer.runtime import Field as NativeField
from tests.bilayer.drift import truth
from tests.support import run as runs
from tests.support.databases import new_database

ADAPTERS = [
    ("sqlite", "sqlite"),
    ("sqlite", "native"),
    ("postgresql", "postgres"),
    ("postgresql", "postgres2"),
    ("postgresql", "postgres3"),
    ("postgresql", "native"),
    ("mariadb", "mysql"),
    ("mariadb", "native"),
]
WORDS = {"error": truth.BROKEN, "warning": truth.SURVIVED, "info": truth.FINE}
_LIKE_POSTGRES = truth.FIELDS.keys() - {"boolean", "string", "json"}
_LIKE_POSTGRES -= {"list:string", "list:integer", "list:reference p"}
UNTRIED = {
    # Types that bilayer's own adapters refuse, or that need a table to refer to.
    "native": {"big-reference p", "reference p", "list:reference p", "float", "jsonb"},
    # What is no list and no boolean goes the way of postgres.
    "postgres2": _LIKE_POSTGRES,
    "postgres3": _LIKE_POSTGRES,
}


@pytest.fixture(params=ADAPTERS, ids="-".join)
def place(request: pytest.FixtureRequest, suite_run: runs.Run) -> Iterator[tuple[str, str, str]]:
    """Each engine with each adapter: the engine's name in code, the adapter, a new database."""
    name, adapter = request.param
    if name not in runs.sources():
        pytest.skip(runs.missing_engines()[name])
    with new_database(suite_run, name) as url:
        yield {"mariadb": "mysql"}.get(name, name), adapter, url


def judge(pair: Pair, schema: Schema, field_type: str, adapter: str) -> dict[str, str]:
    """Give the worst verdict on the column x of each table."""
    db = pydal.DAL(None)
    field = NativeField if adapter == "native" else pydal.Field
    db.define_table("p")
    for name in schema.tables:
        # The words matter to the enum alone, and are all that is written to it.
        db.define_table(name, field("x", field_type, requires=IS_IN_SET(["hello", "007"])))
    runtime = read_runtime(db, schema.engine, adapter)
    db.close()
    found: dict[str, str] = {}
    for difference in compare_runtime(pair, schema, runtime):
        is_about_values = difference.column == "x" and difference.code not in ("BL304", "BL306")
        if is_about_values and difference.table is not None:
            word = WORDS[difference.severity]
            found[difference.table] = max(
                word, found.get(difference.table, truth.FINE), key=truth.RANK.index
            )
    return found


def test_verdict_is_what_happens_to_values(place: tuple[str, str, str]) -> None:
    engine, adapter, url = place
    metadata = truth.make_models(engine)
    server = sa.create_engine(url)
    metadata.create_all(server)
    models = read_models([metadata], load_dialect(engine))  # type: ignore[arg-type]  # a name
    with server.connect() as connection:
        live = read_catalog(connection)
    server.dispose()
    wrong = []
    with truth.open_both(url, adapter) as (core, db):
        db.define_table("p", migrate=False)
        for field_type in truth.FIELDS:
            if field_type in UNTRIED.get(adapter, ()):
                continue
            by_models = judge("models-runtime", models, field_type, adapter)
            by_catalog = judge("runtime-database", live, field_type, adapter)
            for name, (_, written) in truth.list_columns(engine).items():
                table = metadata.tables[f"c_{name}"]
                found = truth.Truth(core, db, table, written, field_type).find()
                one = by_models.get(table.name, truth.FINE)
                two = by_catalog.get(table.name, truth.FINE)
                is_right = (one == truth.BROKEN) == (found.fate == truth.BROKEN)
                is_said = found.fate != truth.SURVIVED or one != truth.FINE
                # A catalog does not say what SQLAlchemy makes of a column.
                is_right_live = found.own != truth.BROKEN or two == truth.BROKEN
                is_right_live &= two != truth.BROKEN or found.fate == truth.BROKEN
                if not (is_right and is_said and is_right_live):
                    wrong.append((field_type, name, found.fate, one, two, found.reasons[:2]))

    assert wrong == []
