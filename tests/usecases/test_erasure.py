"""A person who is erased is nowhere any more, and what has to stay names nobody."""

import json
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app import clock, deadline
from app.errors import Conflict, NotFound
from app.models import (
    create_history,
    create_profile,
    create_user,
    get_db,
    get_erasure,
    get_user,
    get_user_by_email,
    lock_head,
    release,
    update_profile,
    update_user,
)
from app.usecases import erasure, holds, ledger
from app.usecases.allowances import Owner
from app.usecases.claims import claim_guest
from app.usecases.erasure import SETTLING, erase_account, finish_erasures
from app.usecases.export import export_account
from app.usecases.ledger import Cause
from app.usecases.personal_data import HOLDINGS
from app.usecases.work import unit_of_work
from app.vocabulary import TransactionType
from bilayer.runtime import Database
from tests.factories import make_admin, make_guest, make_history, make_learner, make_user
from tests.migrations.rows import TEXT, refill
from tests.support.people import tokens_for
from tests.support.statements import sent_statements
from tests.support.threads import run_together, wait_until

CANARY = "canary-7f3a"
FIRST, SECOND = UUID(int=1), UUID(int=2)
LEARNED_TABLES = ("mastered_words", "mastered_grammar", "approved_cards", "chat_messages")


def rows_of(user_id: UUID) -> dict[str, list[dict[str, Any]]]:
    db = get_db()
    return {
        one.owned.table: db(db[one.owned.table][one.owned.owner] == user_id).dicts()
        for one in HOLDINGS
    }


def dump() -> str:
    """Return all values of all tables as one text."""
    db = get_db()
    return "\n".join(repr(row) for table in db.tables for row in db(db[table]).dicts())


def make_person(email: str = f"{CANARY}@example.com") -> dict[str, Any]:
    user = make_user(email=email, full_name=f"Ada {CANARY}")
    create_profile(user["id"])
    update_profile(user["id"], display_name=CANARY, preferences_patch={"company": CANARY})
    make_learner(user["id"], CANARY)
    tokens_for(user)
    get_db().history.insert_many(
        {"user_id": user["id"], "id": uuid4(), "action_type": "A", "payload": {"text": CANARY}}
        for _ in range(450)
    )
    give(user["id"])
    return user


@unit_of_work
def give(user_id: UUID) -> None:
    """Give credits with a text, and set some aside with another."""
    now = clock.now()
    cause = Cause(TransactionType.GRANT, str(uuid4()), now, f"for {CANARY}")
    ledger.credit_prepaid(user_id, 100, cause)
    holds.place_hold(user_id, 30, reason=CANARY, lifetime=timedelta(hours=1), at=now)


def test_nothing_but_what_is_declared_kept_is_left_in_any_table(
    database: Database, database_url: str
) -> None:
    release()
    with sa.create_engine(database_url, poolclass=sa.NullPool).begin() as connection:
        refill(connection)
    before, others = rows_of(FIRST), rows_of(SECOND)
    assert all(before.values())

    erase_account(FIRST)

    after = rows_of(FIRST)
    for holding in HOLDINGS:
        for row in after[holding.owned.table]:
            told = {name for name, value in row.items() if TEXT in str(value)}
            assert told <= set(holding.kept), holding.owned.table
            assert {name: row[name] for name in holding.emptied} == dict(holding.emptied)
    kept = {holding.owned.table for holding in HOLDINGS if holding.kept}
    assert {table for table, rows in after.items() if rows} == kept
    ledger_rows = ("credit_transactions", "credit_transactions_archive", "transactions")
    for table in ledger_rows:
        for old, new in zip(before[table], after[table], strict=True):
            assert new == old | {name: None for name in ("reason",) if name in old}
    assert rows_of(SECOND) == others


@pytest.mark.usefixtures("database")
def test_no_table_holds_a_word_of_the_person() -> None:
    user = make_person()
    other = make_person("other@example.com")
    assert CANARY in dump()
    erase_account(other["id"])
    assert get_user(user["id"]) is not None

    erase_account(user["id"])

    assert CANARY not in dump()
    account = rows_of(user["id"])["credit_accounts"][0]
    assert (account["credits_balance"], account["held"], account["debt"]) == (100, 0, 0)
    [hold] = rows_of(user["id"])["credit_holds"]
    assert hold["state"] == "released"


@pytest.mark.usefixtures("database")
def test_what_belongs_to_a_learner_goes_row_by_row() -> None:
    user_id = make_user()["id"]
    make_learner(user_id, "anna")
    db = get_db()

    erase_account(user_id)

    gone = db((db.audit_log.user_id == user_id) & (db.audit_log.action == "delete")).dicts()
    assert {row["table_name"] for row in gone} >= {"learner_profiles", *LEARNED_TABLES}


@pytest.mark.usefixtures("database")
def test_email_is_free_at_once_and_gives_a_new_account() -> None:
    user = make_person()

    erase_account(user["id"])
    again = create_user(email=user["email"], password_hash="-")

    found = get_user_by_email(user["email"])
    assert found is not None
    assert found["id"] == again["id"] != user["id"]


@pytest.mark.usefixtures("database")
def test_erasure_that_was_interrupted_is_finished_by_calling_again() -> None:
    user = make_person()
    with deadline.at_most(1.0):
        erase_account(user["id"])
    left = rows_of(user["id"])
    assert get_user(user["id"]) is None
    assert (left["profiles"], left["sessions"], len(left["history"])) == ([], [], 450)

    first = get_erasure(user["id"])
    again = erase_account(user["id"])

    assert again == first
    assert rows_of(user["id"])["history"] == []


@pytest.mark.usefixtures("database")
def test_account_that_cannot_be_erased_keeps_no_other_from_being_forgotten() -> None:
    now = clock.now()
    restored, user = make_admin(), make_user()  # The one from a backup, and is needed again.
    get_db().erasures.insert(user_id=restored["id"], erased_at=now)
    erase_account(user["id"])

    with clock.frozen(now + 2 * SETTLING):
        assert finish_erasures(clock.now()) == 1

    assert (get_erasure(user["id"]) or {})["finished_at"] is not None
    assert get_user(restored["id"]) is not None


@pytest.mark.usefixtures("database")
def test_maintenance_finishes_what_requests_under_way_have_left() -> None:
    user = make_person()
    erase_account(user["id"])
    make_history(user["id"], payload={"text": CANARY})  # By a request that was let in before.
    now = clock.now()

    assert finish_erasures(now) == 0  # There may be more of them.
    later = now + SETTLING + timedelta(seconds=1)
    with clock.frozen(later):
        assert finish_erasures(later) == 1
        assert finish_erasures(later) == 0

    assert CANARY not in dump()
    finished = get_erasure(user["id"])
    assert finished is not None
    assert finished["finished_at"] == later


@pytest.mark.usefixtures("database")
def test_account_that_a_backup_brought_back_is_erased_again() -> None:
    user = make_person()
    erase_account(user["id"])
    db = get_db()
    back = {name: user[name] for name in ("email", "email_key", "full_name", "is_deleted")}
    db(db.users.id == user["id"]).update(**back)
    create_profile(user["id"])
    update_profile(user["id"], display_name=CANARY)

    erase_account(user["id"])

    assert CANARY not in dump()


@pytest.mark.usefixtures("database")
def test_last_administrator_is_not_erased() -> None:
    admin = make_admin()

    with pytest.raises(Conflict) as refusal:
        erase_account(admin["id"])

    assert refusal.value.code == "LAST_ADMIN"
    assert get_user(admin["id"]) == admin | {"last_login_at": None}
    make_admin()
    erase_account(admin["id"])
    assert rows_of(admin["id"])["users"][0]["role"] == "viewer"


@pytest.mark.usefixtures("database")
def test_guests_who_were_claimed_by_a_person_are_the_person() -> None:
    user, guest = make_user(), make_guest()
    make_history(guest["id"], payload={"text": CANARY})
    create_profile(guest["id"])
    update_profile(guest["id"], display_name=CANARY)
    claim_guest(Owner(user["id"], is_guest=False, allowance=20), tokens_for(guest).access_token)

    told = json.loads(b"".join(export_account(user["id"], clock.now())))
    erase_account(user["id"])

    [as_guest] = told["claimed_guests"]
    assert as_guest["user_id"] == str(guest["id"])
    assert as_guest["history"][0]["payload"] == {"text": CANARY}
    assert as_guest["profile"]["display_name"] == CANARY
    assert CANARY not in dump()
    assert get_erasure(guest["id"]) is not None


@pytest.mark.usefixtures("database")
def test_any_number_of_holds_ends_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    give(user["id"])
    now = clock.now()
    for _ in range(4):
        holds.place_hold(user["id"], 1, reason=CANARY, lifetime=timedelta(hours=1), at=now)
    monkeypatch.setattr(erasure, "_HOLDS_AT_ONCE", 2)

    erase_account(user["id"])

    assert {hold["state"] for hold in rows_of(user["id"])["credit_holds"]} == {"released"}
    assert CANARY not in dump()


@pytest.mark.usefixtures("database")
def test_deleted_account_can_be_erased_and_an_unknown_one_cannot() -> None:
    user = make_person()
    update_user(user["id"], is_deleted=True)

    erase_account(user["id"])
    with pytest.raises(NotFound):
        erase_account(uuid4())

    assert CANARY not in dump()


@pytest.mark.usefixtures("database")
def test_erasure_and_writer_wait_for_each_other_in_one_order(engine: str) -> None:
    if engine == "sqlite":
        pytest.skip("one writer at a time: nobody holds a part of what another needs")
    user_id = make_user()["id"]
    make_history(user_id)
    has_head = threading.Event()

    with sent_statements() as sent:

        @unit_of_work
        def write() -> None:
            lock_head(user_id)
            has_head.set()
            wait_until(lambda: any("sync_heads" in text for text in sent if "DELETE" in text))
            create_history(user_id, history_id=uuid4(), action_type="A", payload={})

        def erase() -> None:
            assert has_head.wait(30)
            erase_account(user_id)

        outcomes = run_together([write, erase])

    assert outcomes == [None, None]
    assert sum("ROLLBACK" in text for text in sent) == 0
