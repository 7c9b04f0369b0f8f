"""Tables that devices have a copy of: what each must have, and who alone numbers their rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.dal.synced import Synced, synced_tables
from app.dal.tables import define_tables
from app.db.models import metadata
from bilayer.runtime import Database
from tests.architecture.sources import APP, modules, place

WRITES = frozenset({"insert", "update", "upsert"})
NUMBERING = APP / "dal/versions.py"
VERDICTS = {
    "db(db.sync_heads.user_id == one).update(version=1)": True,
    "db(db.sync_heads.user_id == one).update(**columns)": True,
    "db.sync_heads.upsert({'version': 1}, conflict=['user_id'])": True,
    "db.sync_heads.insert_returning(version=1)": True,
    "update(db.sync_heads.user_id == Param('one'), version=Param('two'))": True,
    "update_owned_rows(Owned('sync_heads'), one, values={'version': 1})": True,
    "db(db.sync_heads.floor < floor).update(floor=floor)": False,
    "db(db.sync_heads.version < 1).update(epoch=epoch)": False,
    "db(db.history.user_id == one).update(version=1)": False,
    "select(db.sync_heads.user_id == one, db.sync_heads.version)": False,
}


def synced() -> dict[str, Synced]:
    database = Database.connect("postgresql://nobody@localhost/nothing")
    define_tables(database.dal)
    return synced_tables(database.dal)


SYNCED = synced()


def each_synced_table() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", SYNCED)


def test_what_people_have_on_their_devices_is_synced() -> None:
    learning = {"learner_profiles", "mastered_words", "mastered_grammar", "approved_cards"}
    assert {"history", "profiles", "user_consents", "chat_messages"} | learning <= set(SYNCED)


@each_synced_table()
def test_synced_table_is_one_of_both_layers(name: str) -> None:
    # The drift check and ``test_twins`` compare every table that both doors open.
    assert set(SYNCED[name].shown) <= set(metadata.tables[name].columns.keys())


@each_synced_table()
def test_key_is_the_owner_and_what_tells_rows_apart(name: str) -> None:
    one, key = SYNCED[name], list(metadata.tables[name].primary_key.columns.keys())

    assert key == (["user_id"] if one.id_column == "user_id" else ["user_id", one.id_column])


@each_synced_table()
def test_changes_of_an_account_are_found_by_an_index(name: str) -> None:
    table = metadata.tables[name]
    indexes = [list(index.columns.keys()) for index in table.indexes]

    has_one_row = list(table.primary_key.columns.keys()) == ["user_id"]
    assert has_one_row or any(columns[:2] == ["user_id", "version"] for columns in indexes)


@each_synced_table()
def test_each_row_has_a_version_and_a_time(name: str) -> None:
    columns = metadata.tables[name].columns

    assert isinstance(columns["version"].type, sa.BigInteger)
    assert not columns["version"].nullable
    assert not columns["updated_at"].nullable
    assert "version" in SYNCED[name].shown


@each_synced_table()
def test_what_can_be_deleted_leaves_its_row(name: str) -> None:
    one, columns = SYNCED[name], metadata.tables[name].columns

    assert one.is_deletable is ("is_deleted" in columns)
    assert one.is_deletable or one.id_column == "user_id"


@each_synced_table()
def test_devices_set_nothing_that_orders_or_owns(name: str) -> None:
    one = SYNCED[name]
    ours = {"user_id", one.id_column, "version", "updated_at", "created_at", "is_deleted"}

    assert not ours & set(one.writable)
    assert set(one.required) | set(one.merged) <= set(one.writable) <= set(one.shown)


def numbering(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that write, or may write, the version of an account's head."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _is_about_heads(node):
            continue
        name = str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))
        is_write = name in WRITES or name.startswith(("update_", "insert_", "create_", "replace_"))
        if is_write and {"version", None} & _given(node):
            yield node


def _is_about_heads(call: ast.Call) -> bool:
    parts = [*ast.walk(call.func), *(part for given in call.args for part in ast.walk(given))]
    return any(
        getattr(part, "attr", None) == "sync_heads" or getattr(part, "value", None) == "sync_heads"
        for part in parts
    )


def _given(call: ast.Call) -> set[str | None]:
    """Name the columns that a call sets; None stands for those that only a run would tell."""
    keys = {keyword.arg for keyword in call.keywords}
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    dicts = [part for part in values if isinstance(part, ast.Dict)]
    return keys | {getattr(key, "value", None) for part in dicts for key in part.keys}


@pytest.mark.parametrize("source", VERDICTS)
def test_who_numbers_is_recognised(source: str) -> None:
    assert any(numbering(ast.parse(source))) is VERDICTS[source]


def test_one_module_alone_numbers() -> None:
    trees = modules()
    found = [
        place(path, node)
        for path, tree in trees.items()
        if path.is_relative_to(APP) and path != NUMBERING
        for node in numbering(tree)
    ]

    assert any(numbering(trees[NUMBERING]))
    assert found == []
