"""The audit log: every change of every audited table, by whatever way it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import reduce
from operator import and_
from typing import Any
from uuid import UUID, uuid4

import pytest
import uuid_utils.compat

from app import clock
from app.actor import acting_as
from app.dal.audit import HIDDEN, MAX_VALUE_BYTES
from app.dal.audit_digests import digest_row, digest_values, spelled
from app.dal.audited import Audited, audited_tables
from app.dal.versions import purging
from app.log import end_request, start_request
from app.models import (
    create_consent_document,
    create_history,
    get_db,
    replace_password_hash,
    transaction,
    update_history,
    update_user,
)
from app.vocabulary import NOBODY, TransactionType
from bilayer.runtime import Param, prepared, update
from tests.factories import make_user
from tests.migrations.rows import CHOSEN
from tests.support.statements import sent_statements

Row = dict[str, Any]

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 4, 1, 12, 0, 0, 123456, tzinfo=UTC)
STAMPS = frozenset({"updated_at", "version"})
CHANGING = {
    "approved_cards": "content",
    "chat_messages": "content",
    "consent_documents": "body",
    "history": "action_type",
    "learner_profiles": "interests",
    "mastered_grammar": "grammar_uri",
    "mastered_words": "word",
    "profiles": "display_name",
    "transactions": "payment_intent_id",
    "user_consents": "terms_version",
    "users": "email",
}
"""A column of each audited table that takes any text or document, and need not be unique."""
FIT = {"profile_id": "anna", "is_deleted": True, "refunded_cents": 0, "disputed_cents": 0}
TYPES = (TransactionType.GRANT, TransactionType.REFUND)
VALUES: dict[str, Callable[[int], Any]] = {
    "string": "x{}".format,
    "text": "long text {}".format,
    "uuid": lambda _number: uuid_utils.compat.uuid7(),
    "json": lambda number: {"n": number, "list": [True, None, 1.5][: 2 + number % 2]},
    "boolean": lambda _number: True,
    "integer": int,
    "bigint": int,
    "double": lambda number: number + 0.5,
    "datetime": lambda _number: NOON,
}


def mark() -> frozenset[UUID]:
    """Return the ids of the rows that the log has by now."""
    return frozenset(row["id"] for row in get_db()(get_db().audit_log).dicts())


def recorded(before: frozenset[UUID]) -> list[Row]:
    """Return what the log has beside those rows, in the order of writing."""
    log = get_db().audit_log
    rows = get_db()(log).dicts(orderby=log.id)
    return [row for row in rows if row["id"] not in before]


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    return user_id


class Writer:
    """Makes rows for one audited table, and finds them again."""

    def __init__(self, audited: Audited, user: UUID) -> None:
        self.audited = audited
        self.table = get_db()[audited.name]
        self.has_one_row = self.table._primarykey == ["user_id"]
        self.is_synced = hasattr(self.table, "synced")
        self.changing = CHANGING[audited.name]
        self._user = user
        self._number = 0

    def row(self) -> Row:
        """Make a row that the schema takes, unlike any other."""
        self._number += 1
        values = {
            field.name: CHOSEN.get(f"{self.audited.name}.{field.name}")
            or VALUES[field.type](self._number)
            for field in self.table
        }
        if "user_id" in values:
            values["user_id"] = make_user()["id"] if self.has_one_row else self._user
        return values | {name: fit for name, fit in FIT.items() if name in values}

    def new_value(self) -> Any:
        self._number += 1
        return VALUES[self.table[self.changing].type](self._number)

    def query(self, row: Row) -> Any:
        return reduce(and_, (self.table[name] == row[name] for name in self.table._primarykey))

    def set(self, rows: Sequence[Row]) -> Any:
        """Give the set of rows of one account, as synced tables are written."""
        keys = [[row[name] for name in self.table._primarykey] for row in rows]
        found = get_db().keyed(self.table, keys)
        return found(self.table.user_id == self._user) if self.is_synced else found

    def key(self, row: Row) -> Row:
        return {name: row[name] for name in self.table._primarykey}

    def stored(self, row: Row) -> Row | None:
        found: Row | None = get_db()(self.query(row)).one()
        return found


def expected(audited: Audited, old: Row | None, new: Row | None) -> Row:
    """Say by other means what the log has to have of a change."""
    image = new or old or {}
    names = [
        name
        for name in image
        if name not in audited.hidden
        and not (old and new and (name in STAMPS or old[name] == new[name]))
    ]
    owner = image[audited.owner] if audited.owner else NOBODY
    return {
        "user_id": owner,
        "table_name": audited.name,
        "record_id": "/".join(str(image[name]) for name in audited.key),
        "action": "update" if old and new else "insert" if new else "delete",
        "old_value": old and {name: as_json(old[name]) for name in names},
        "new_value": new and {name: as_json(new[name]) for name in names},
    }


def as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return spelled(value)
    return str(value) if isinstance(value, UUID) else value


@contextmanager
def proving(writer: Writer, *rows: Row) -> Iterator[None]:
    """Compare the log with how these rows were before the block and are after it."""
    before, at = [writer.stored(row) for row in rows], mark()
    yield
    found = {row["record_id"]: row for row in recorded(at)}
    after = [writer.stored(row) for row in rows]
    wanted = [expected(writer.audited, old, new) for old, new in zip(before, after, strict=True)]
    if writer.is_synced and None in after:  # Gone for good: the values too.
        wanted = [one | {"old_value": None, "new_value": None} for one in wanted]
    assert len(found) == len(rows), writer.audited.name
    for one in wanted:
        row = found[one["record_id"]]
        assert {name: row[name] for name in one} == one
        assert row["block"] is None
        values = row["record_id"], row["old_value"], row["new_value"]
        assert row["values_digest"] == digest_values(row["salt"], *values)
        assert row["digest"] == digest_row(row)


def write_in_every_way(writer: Writer) -> None:
    """Insert, update and delete rows: one and many, upserts and prepared statements."""
    db, table, column = get_db(), writer.table, writer.changing
    rows = [writer.row() for _ in range(6)]
    one, two, three, *others = rows
    with proving(writer, one):
        table.insert(**one)
    with proving(writer, two):
        table.insert_returning(**two)
    with proving(writer, *others):
        table.insert_many(others)
    with proving(writer, three):
        table.upsert(three, conflict=table._primarykey)
    with proving(writer, three):
        change = {column: writer.new_value()}
        table.upsert(three, conflict=table._primarykey, update=change)
    with proving(writer, one):
        db(writer.query(one)).update(**{column: writer.new_value()})
    with proving(writer, two):
        db(writer.query(two)).update_returning(**{column: writer.new_value()})
    for run in (in_advance(writer).run, in_advance(writer).changed):
        with proving(writer, one):
            run(db, new=writer.new_value(), **writer.key(one))
    if not writer.has_one_row:
        with proving(writer, *rows):
            flag = "is_deleted" if "is_deleted" in table.fields else column
            writer.set(rows).update(**{flag: False if flag == "is_deleted" else "other"})
    delete_in_every_way(writer, rows)


def delete_in_every_way(writer: Writer, rows: Sequence[Row]) -> None:
    one, *others = rows
    with purging() if writer.is_synced else nullcontext():
        with proving(writer, one):
            get_db()(writer.query(one)).delete()
        if not writer.has_one_row:
            with proving(writer, *others):
                writer.set(others).delete()


def write_and_take_back(writer: Writer) -> None:
    """Write what is rolled back: alone, and inside of what is not."""
    row, kept, before = writer.row(), writer.row(), mark()
    with pytest.raises(LookupError), transaction():
        writer.table.insert(**row)
        raise LookupError
    assert recorded(before) == []
    with proving(writer, kept), transaction():
        writer.table.insert(**kept)
        with pytest.raises(LookupError), transaction():
            writer.table.insert(**row)
            raise LookupError


def in_advance(writer: Writer) -> Any:
    def build(db: Any) -> Any:
        table = db[writer.audited.name]
        key = (table[name] == Param(name) for name in table._primarykey)
        return update(reduce(and_, key), **{writer.changing: Param("new")})

    return prepared(build)


def test_audit_log_captures_all_changes(user: UUID) -> None:
    audited = audited_tables(get_db())
    chosen = [name for name, one in audited.items() if one.chosen]
    assert {*audited} - {*chosen} == {*CHANGING}
    learner = Writer(audited["learner_profiles"], user)
    learner.table.insert(**learner.row() | {"id": "anna"})

    for name in CHANGING:
        writer = Writer(audited[name], user)
        write_in_every_way(writer)
        write_and_take_back(writer)


def test_update_that_changes_nothing_but_its_stamps_is_not_recorded(user: UUID) -> None:
    action = create_history(user, history_id=uuid4(), action_type="A", payload={"a": [1, 2]})
    before = mark()

    again = update_history(user, action["id"], payload={"a": [1, 2]})
    update_user(user, is_active=True)

    assert again is not None
    assert again["version"] > action["version"]
    assert recorded(before) == []


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ([1], [1.0])])
def test_what_differs_in_json_alone_is_recorded(user: UUID, old: Any, new: Any) -> None:
    action = create_history(user, history_id=uuid4(), action_type="A", payload={"a": old})
    before = mark()

    update_history(user, action["id"], payload={"a": new})

    [row] = recorded(before)
    assert repr(row["old_value"]) == repr({"payload": {"a": old}})
    assert repr(row["new_value"]) == repr({"payload": {"a": new}})


def test_secret_is_never_there_and_its_change_is() -> None:
    before = mark()
    user = make_user(password_hash="secret one")
    update_user(user["id"], full_name="Ada", password_hash="secret two")
    replace_password_hash(user["id"], old="secret two", new="secret three")

    made, both, alone = recorded(before)
    assert "secret" not in repr((made, both, alone))
    assert "password_hash" not in made["new_value"]
    assert both["new_value"] == {"full_name": "Ada", HIDDEN: ["password_hash"]}
    assert (alone["old_value"], alone["new_value"]) == ({}, {HIDDEN: ["password_hash"]})


def test_value_that_is_too_long_or_too_deep_is_recorded_as_its_digest(user: UUID) -> None:
    deep: Any = "deep"
    for _ in range(30):
        deep = [deep]
    before = mark()

    create_history(user, history_id=uuid4(), action_type="A", payload={"a": "x" * MAX_VALUE_BYTES})
    create_history(user, history_id=uuid4(), action_type="A", payload={"a": deep})
    create_history(
        user, history_id=uuid4(), action_type="A", payload={"a": deep[0], "b": [[]] * 40}
    )

    long, too_deep, fits = (row["new_value"]["payload"] for row in recorded(before))
    assert (long.keys(), long["$bytes"]) == ({"$sha256", "$bytes"}, MAX_VALUE_BYTES + 8)
    assert too_deep.keys() == {"$sha256", "$bytes"}
    assert fits == {"a": deep[0], "b": [[]] * 40}


def test_row_says_who_changed_it_in_which_request_and_when(user: UUID) -> None:
    before = mark()
    with clock.frozen(NOON):
        create_history(user, history_id=uuid4(), action_type="A", payload={})
        request_id = start_request("request-1234")
        with acting_as("user:ada"):
            create_history(user, history_id=uuid4(), action_type="A", payload={})
        end_request()

    nobody, ada = recorded(before)
    assert (nobody["changed_by"], nobody["request_id"]) == ("system", None)
    assert (ada["changed_by"], ada["request_id"]) == ("user:ada", request_id)
    assert nobody["changed_at"] == ada["changed_at"] == NOON


def test_what_is_nobodys_belongs_to_the_nil_account() -> None:
    before = mark()
    texts = {"sha256": "f" * 64, "body": "text", "effective_at": NOON, "created_at": NOON}
    create_consent_document(document="terms", version="1", language="en", **texts)

    [row] = recorded(before)
    assert (row["user_id"], row["record_id"]) == (UUID(int=0), "terms/1/en")


def test_new_key_is_recorded_whatever_its_column_is_called() -> None:
    texts = {"sha256": "f" * 64, "body": "text", "effective_at": NOON, "created_at": NOON}
    create_consent_document(document="terms", version="1", language="en", **texts)
    documents, before = get_db().consent_documents, mark()

    get_db()(documents.document == "terms").update(version="2")

    [row] = recorded(before)
    assert (row["record_id"], row["action"]) == ("terms/2/en", "update")
    assert (row["old_value"], row["new_value"]) == ({"version": "1"}, {"version": "2"})


def test_of_the_ledger_the_log_has_what_people_gave_and_nothing_else(user: UUID) -> None:
    ledger, before = get_db().credit_transactions, mark()
    rows = [
        {
            "user_id": user,
            "id": uuid4(),
            "bucket": "prepaid",
            "transaction_type": kind,
            "amount": 1,
            "balance_after": number,
            "reference": f"r{number}",
            "reason": None,
            "created_at": NOON,
        }
        for number, kind in enumerate([TransactionType.SPEND, *TYPES, TransactionType.PURCHASE])
    ]
    with acting_as("user:admin"):
        ledger.insert_many(rows, is_awaited=False)
    with pytest.raises(LookupError), transaction():
        ledger.insert(**rows[1] | {"id": uuid4(), "reference": "again"})
        raise LookupError

    found = {row["record_id"]: row for row in recorded(before)}
    assert found.keys() == {str(rows[1]["id"]), str(rows[2]["id"])}
    for row in (rows[1], rows[2]):
        one = found[str(row["id"])]
        assert (one["user_id"], one["changed_by"]) == (user, "user:admin")
        assert one["new_value"] == {name: as_json(value) for name, value in row.items()}
    with sent_statements() as sent:
        ledger.insert_many([rows[0] | {"id": uuid4(), "reference": "other"}])
    assert not [sql for sql in sent if "audit_log" in sql]
