"""No text becomes SQL: it is a value, or it is refused, wherever PyDAL would paste it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import pytest
import sqlalchemy as sa

from bilayer.runtime import (
    Database,
    InvalidValue,
    Param,
    RawSQLRefused,
    UnsupportedDefinition,
    json_contains,
    json_merge,
    json_text,
    prepared,
    select,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.corpus import HOSTILE, OWNERS

INJECTIONS: Final = (
    "1; DELETE FROM things; --",
    "1); DELETE FROM things; --",
    "0) OR (1=1",
    "0 OR 1=1",
    "1) OR 1=1 OR (small) IN (1;",
    "x' OR '1'='1",
    "' OR 1=1 -- ",
    "\\') OR (1=1) -- ",
    "\\' OR 1=1 # ",
    "\\",
    "\\\\' OR 1=1 -- ",
    "0, title='changed'",
    "x', title='changed",
    '" OR 1=1 --',
    "` OR 1=1 -- ",
    "/*!50000 OR 1=1 */",
    "'||(SELECT 1)||'",
    "%' OR '%'='",
    "%s",
    "?",
    "\x01s' OR 1=1 --\x02",
    "\x02 OR 1=1 --",
    "(SELECT title FROM things)",
    "title",
    "NULL) OR (NULL IS NULL",
)
"""Texts that change a statement when they are pasted into it, quoted or not."""
TITLES: Final = ("first", "second", "third")


@pytest.fixture(autouse=True)
def _untouched(core: sa.Engine) -> Iterator[None]:
    """Store three rows before each test, and see that they alone are there after it."""
    rows = [
        {"id": -number, "small": number, "title": title, "document": {"a": title}}
        for number, title in enumerate(TITLES, 1)
    ]
    with core.begin() as connection:
        connection.execute(schema.owners.insert(), [{"id": owner} for owner in OWNERS])
        connection.execute(schema.things.insert(), rows)
    before = snapshot(core)
    yield
    assert snapshot(core) == before


def snapshot(core: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Read every row of every table."""
    with core.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table)).all()), key=repr)
            for table in schema.metadata.sorted_tables
        }


# ---------------------------------------------------------------- as a value

TEXT_QUERIES: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "==": lambda t, text: t.title == text,
    "belongs": lambda t, text: t.title.belongs([text]),
    "belongs a generator": lambda t, text: t.title.belongs(item for item in (text,)),
    "like": lambda t, text: t.title.like(text.replace("%", "").replace("_", "")),
    "ilike": lambda t, text: t.title.ilike(text.replace("%", "").replace("_", "")),
    "startswith": lambda t, text: t.title.startswith(text),
    "endswith": lambda t, text: t.title.endswith(text),
    "contains": lambda t, text: t.title.contains(text, case_sensitive=True),
    "contains in any case": lambda t, text: t.title.contains(text),
    "contains a list": lambda t, text: t.title.contains([text]),
    "body": lambda t, text: t.body == text,
    "json ==": lambda t, text: t.document == text,
    "json == object": lambda t, text: t.document == {"a": text},
    "json_text ==": lambda t, text: json_text(t.document, "a") == text,
    "json_text belongs": lambda t, text: json_text(t.document, "a").belongs([text]),
    "json_contains": lambda t, text: json_contains(t.document, {"a": text}),
    "coalesce": lambda t, text: t.body.coalesce(text) == text + "x",
    "lower": lambda t, text: t.title.lower() == text,
    "replace": lambda t, text: t.title.replace("first", text) == text + "x",
    "concat": lambda t, text: t.title + text == "first",
    "case": lambda t, text: (t.small == 1).case("y", "n") == text,
    "case of it": lambda t, text: (t.small == 1).case(text, "no") == text + "x",
    "words": lambda t, text: t.words == [text],
    "words contain": lambda t, text: t.words.contains(text),
    "and": lambda t, text: (t.title == text) & (t.small > 0),
    "not": lambda t, text: ~(t.title != text),
}


@pytest.mark.parametrize("query", TEXT_QUERIES)
def test_injected_text_matches_no_row(db: Any, query: str) -> None:
    for text in INJECTIONS:
        found = db(TEXT_QUERIES[query](db.things, text))

        assert found.count() == 0, text
        assert found.dicts(db.things.id) == [], text


@pytest.mark.parametrize("query", TEXT_QUERIES)
def test_injected_text_deletes_and_updates_no_row(db: Any, query: str) -> None:
    for text in INJECTIONS:
        found = db(TEXT_QUERIES[query](db.things, text))

        assert found.update(small=9) == 0, text
        assert found.delete() == 0, text


def test_injected_text_in_a_nested_select_matches_no_row(db: Any) -> None:
    table = db.things
    for text in INJECTIONS:
        nested = db(table.title == text).nested_select(table.id, correlated=False)

        assert db(table.id.belongs(nested)).count() == 0, text


def test_injected_text_is_found_as_what_it_is(db: Any) -> None:
    texts = sorted({*INJECTIONS, *HOSTILE})
    with db.transaction():
        keys = {text: db.things.insert(title=text, document={"a": text}) for text in texts}
    table = db.things
    queries: Mapping[str, Callable[[str], Any]] = {
        "==": lambda text: table.title == text,
        "belongs": lambda text: table.title.belongs([text, "another"]),
        "json_text": lambda text: json_text(table.document, "a") == text,
        "json ==": lambda text: table.document == {"a": text},
    }

    wrong = [
        (name, text)
        for name, query in queries.items()
        for text in texts
        if db(query(text)).dicts(table.id) != [{"id": keys[text]}]
    ]

    assert wrong == []
    db(table.id >= 0).delete()


MEANINGS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}


@pytest.mark.parametrize("search", MEANINGS)
def test_wildcards_and_quotes_are_searched_for_literally(db: Any, search: str) -> None:
    texts = sorted({*INJECTIONS, *HOSTILE})
    table = db.things
    with db.transaction():
        for text in texts:
            db.things.insert(title=f"<{text}>")
    means = MEANINGS[search]
    options = {"case_sensitive": True} if search == "contains" else {}

    for text in texts:
        for part in (text, f"<{text}", f"{text}>"):
            found = db(getattr(table.title, search)(part, **options)).dicts(table.title)
            expected = [f"<{other}>" for other in texts if means(f"<{other}>", part)]
            expected += [title for title in TITLES if means(title, part)]
            assert sorted(row["title"] for row in found) == sorted(expected), part
    db(table.id >= 0).delete()


def test_injected_text_is_no_value_of_another_type(db: Any) -> None:
    for column in ("small", "big", "price", "ratio", "flag", "day", "hour", "moment", "data",
                   "token", "owner", "numbers", "id"):  # fmt: skip
        field = db.things[column]
        for text in INJECTIONS:
            attempts: tuple[Callable[[], object], ...] = (
                lambda: db.things.insert(**{column: text}),  # noqa: B023 - called in the loop
                lambda: db(db.things.id == -1).update(**{column: text}),  # noqa: B023
                lambda: db(field == text).count(),  # noqa: B023
                lambda: db(field.belongs([text])).count(),  # noqa: B023
                lambda: db(~(field != text)).delete(),  # noqa: B023
            )
            for attempt in attempts:
                with pytest.raises(InvalidValue):
                    attempt()


def test_merge_patch_with_injected_keys_and_values_is_data(db: Any) -> None:
    document = {text: {text: text} for text in INJECTIONS}
    key = db.things.insert(document={})
    table = db.things

    for text in INJECTIONS:
        patch = {text: {text: text}}
        assert db(table.id == key).update(document=json_merge(table.document, patch)) == 1

    assert db(table.id == key).one(table.document) == {"document": document}
    for text in INJECTIONS:
        db(table.id == key).update(document=json_merge(table.document, {text: None}))
    assert db(table.id == key).one(table.document) == {"document": {}}
    db(table.id == key).delete()


def test_path_into_a_document_is_data_or_refused(db: Any) -> None:
    table = db.things
    for text in (*INJECTIONS, *HOSTILE):
        key = db.things.insert(document={text: {text: "found"}})
        try:
            query = json_text(table.document, text, text) == "found"
            assert db(query).dicts(table.id) == [{"id": key}], text
        except InvalidValue:
            assert not text.isprintable() or '"' in text or "\\" in text, text
        db(table.id == key).delete()


def test_key_of_a_document_to_contain_is_data_or_refused(db: Any) -> None:
    table = db.things
    for text in (*INJECTIONS, *HOSTILE):
        key = db.things.insert(document={text: "found", "other": 1})
        try:
            query = json_contains(table.document, {text: "found"})
            assert db(query).dicts(table.id) == [{"id": key}], text
            assert db(query).update(small=1) == 1, text
        except InvalidValue:
            assert not text.isprintable() or '"' in text or "\\" in text, text
        db(table.id == key).delete()


def test_prepared_parameter_is_data(db: Any) -> None:
    statement = prepared(
        lambda db: select(
            (db.things.title == Param("title")) | (db.things.title.belongs([Param("title"), "x"])),
            db.things.id,
        )
    )

    for text in (*INJECTIONS, *HOSTILE):
        assert statement.dicts(db, title=text) == []
    assert statement.dicts(db, title="first") == [{"id": -1}]


# ---------------------------------------------------------------- in place of SQL

PLACES: Final[Mapping[str, Callable[[Any, str], object]]] = {
    "belongs": lambda db, text: db(db.things.small.belongs(text)).count(),
    "belongs of an expression": lambda db, text: db((db.things.small + 1).belongs(text)).count(),
    "select": lambda db, text: db(db.things).select(text),
    "select among fields": lambda db, text: db(db.things).select(db.things.id, text),
    "dicts": lambda db, text: db(db.things).dicts(text),
    "one": lambda db, text: db(db.things).one(text),
    "iterselect": lambda db, text: list(db(db.things).iterselect(text)),
    "orderby": lambda db, text: db(db.things).select(orderby=text),
    "orderby list": lambda db, text: db(db.things).select(orderby=[db.things.id, text]),
    "orderby tuple": lambda db, text: db(db.things).dicts(orderby=(text,)),
    "orderby |": lambda db, text: db(db.things).select(orderby=db.things.id | text),
    "groupby": lambda db, text: db(db.things).select(db.things.id, groupby=text),
    "groupby list": lambda db, text: db(db.things).dicts(db.things.id, groupby=[text]),
    "having": lambda db, text: db(db.things).select(
        db.things.id, groupby=db.things.id, having=text
    ),
    "distinct": lambda db, text: db(db.things).select(db.things.id, distinct=text),
    "left": lambda db, text: db(db.things).select(db.things.id, left=text),
    "left list": lambda db, text: db(db.things).select(db.things.id, left=[text]),
    "join": lambda db, text: db(db.things).select(db.things.id, join=text),
    "limitby": lambda db, text: db(db.things).select(limitby=(0, text)),
    "db(text)": lambda db, text: db(text).select(db.things.id),
    "db(text).count": lambda db, text: db(text).count(),
    "db(text).delete": lambda db, text: db(text).delete(),
    "set(text)": lambda db, text: db(db.things)(text).count(),
    "set(text).update": lambda db, text: db(db.things)(text).update(small=1),
    "query & text": lambda db, text: db((db.things.id > 0) & text).count(),
    "query | text": lambda db, text: db((db.things.id == 0) | text).delete(),
    "count(distinct=[text])": lambda db, text: db(db.things).count(distinct=[text]),
    "count(distinct=text)": lambda db, text: db(db.things).count(distinct=text),
    "like(escape=)": lambda db, text: db(db.things.title.like("x", escape=text)).count(),
    "ilike(escape=)": lambda db, text: db(db.things.title.ilike("x", escape=text)).count(),
    "text + field": lambda db, text: db(text + db.things.title == "x").count(),
    "field + text in another type": lambda db, text: db(db.things.small + text == 1).count(),
    "field * text": lambda db, text: db(db.things.small * text == 1).count(),
    "field - text": lambda db, text: db(db.things.price - text == 1).count(),
    "coalesce of another type": lambda db, text: db(db.things.small.coalesce(text) == 1).count(),
    "case of numbers": lambda db, text: db((db.things.small == 77).case() == text).count(),
    "case of a column": lambda db, text: db(
        (db.things.small == 77).case(db.things.small, 0) == text
    ).count(),
    "table[text]": lambda db, text: db(db.things[text] == 1).count(),
    "table(**{text})": lambda db, text: db.things(**{text: 1}),
    "db[text]": lambda db, text: db(db[text]).count(),
    "conflict": lambda db, text: db.things.upsert({"id": 1, "small": 2}, conflict=[text]),
    "update name": lambda db, text: db(db.things).update(**{text: 1}),
    "insert name": lambda db, text: db.things.insert(**{text: 1}),
    "isolation": lambda db, text: db.transaction(text).__enter__(),
    "Param name": lambda _db, text: Param(text + " "),
    "cast": lambda db, text: db(db.things.small.cast(text) == 1).count(),
    "slice": lambda db, text: db(db.things.title[text:] == "x").count(),
    "json_text position": lambda db, text: db(json_text(db.things.document) == text).count(),
}
REFUSALS: Final = (
    InvalidValue, RawSQLRefused, UnsupportedDefinition, TypeError, KeyError, AttributeError,
    ValueError, RuntimeError,
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_text_in_place_of_sql_is_refused(database: Database, place: str) -> None:
    for text in INJECTIONS:
        if text in ("\\", "title"):  # the only escape there is, and a column
            continue
        with pytest.raises(REFUSALS):
            PLACES[place](database.dal, text)
    assert not database.in_transaction


def test_alias_is_quoted(db: Any) -> None:
    for text in ('x" FROM things; DROP TABLE members; --', "x` FROM things -- ", "it's", "per%cent",
                 "%s", "?", "a b", "\\"):  # fmt: skip
        (row,) = db(db.things.id == -1).dicts(db.things.small.with_alias(text))
        assert row == {text: 1}


def test_alias_of_a_table_is_quoted_or_refused(db: Any) -> None:
    for text in ('x" CROSS JOIN members; --', "x` -- ", "per%cent", "?", "\\"):
        try:
            other = db.things.with_alias(text)
        except (InvalidValue, RawSQLRefused, UnsupportedDefinition):
            continue
        assert db(other.id == -1).dicts(other.title) == [{"title": "first"}]


def test_python_operators_that_drop_half_a_query_are_known(db: Any) -> None:
    """`and` and chained comparisons keep only their last part; a lint rule is the cure."""
    table = db.things

    assert str((table.small == 1) and (table.small == 2)) == str(table.small == 2)
    assert str(1 < table.small < 5) == str(table.small < 5)


def test_every_value_travels_beside_the_statement(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, table = database.dal, database.dal.things
    sent: list[tuple[str, Any]] = []
    adapter = db._adapter
    send = adapter.send

    def note(cursor: Any, sql: str, given: Any) -> Any:
        sent.append((sql, given))
        return send(cursor, sql, given)

    monkeypatch.setattr(adapter, "send", note)
    mark, number = "zq'\\mark", 7319
    uses: tuple[Callable[[], object], ...] = (
        lambda: db.things.insert(title=mark, body=mark, small=number, price=Decimal(number)),
        lambda: db.things.insert_many([{"title": mark}, {"title": mark}]),
        lambda: db.things.upsert({"id": number, "title": mark}, conflict=["id"]),
        lambda: db(table.title == mark).update(body=mark, small=table.small + number),
        lambda: db(table.title.like(mark) | table.title.contains(mark)).count(),
        lambda: db(table.title.ilike(mark) | table.title.startswith(mark)).count(),
        lambda: db(table.title.belongs([mark]) & table.small.belongs([number])).dicts(),
        lambda: db((table.title.coalesce(mark) + mark) == mark).select(),
        lambda: db((table.id > 0).case(mark, "x") == mark).isempty(),
        lambda: db(json_contains(table.document, {"zqkey": [mark, number]})).count(),
        lambda: db(json_text(table.document, "zqmark") == mark).count(),
        lambda: db(table.small * number == number).count(),
        lambda: db.things(number),
        lambda: db(table.id >= 0).delete(),
    )

    for use in uses:
        use()

    assert len(sent) >= len(uses)
    assert [sql for sql, _ in sent if "zq" in sql or str(number) in sql] == []
    carried = repr([given for _, given in sent])
    assert mark.replace("\\", "\\\\") in carried
    assert str(number) in carried
