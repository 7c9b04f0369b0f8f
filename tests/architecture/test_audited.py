"""Tables that the audit log follows: none is forgotten, and no secret gets into it."""

from __future__ import annotations

import re

import pytest

from app.dal.audited import Audited, audit, audited_tables
from app.dal.tables import define_tables
from app.db.models import metadata
from bilayer.runtime import Database, Field

SECRET = re.compile("hash|token|secret|password|salt")
UNAUDITED = {
    "sessions": "sign-ins; the account shows them",
    "logins": "counts sign-ins",
    "login_attempts": "counts attempts, for a day",
    "email_tokens": "links of mails, for a day",
    "mail_outbox": "mails that wait",
    "user_credits": "changes with an entry of the ledger",
    "credit_accounts": "changes with an entry of the ledger",
    "credit_holds": "changes with an entry of the ledger",
    "credit_transactions_archive": "the ledger, moved",
    "stripe_objects": "what Stripe told; see transactions",
    "stripe_events": "what Stripe told; see transactions",
    "consent_events": "a log itself: append-only",
    "erasures": "who was erased, by id; nothing about them may be remembered",
    "query_cache": "copies of answers",
    "idempotency_keys": "answers, for a day",
    "installation": "which database this is",
    "sync_heads": "numbers of what is audited",
    "sync_clients": "what devices have seen",
    "sync_mutations": "answers to devices",
    "leases": "who does what, for seconds",
    "audit_log": "the log itself",
    "audit_blocks": "the seals of the log",
    "import_runs": "a journal itself",
    "import_items": "a journal itself",
    "quarantine": "records that were refused",
    "backups": "a journal itself",
}
"""The tables whose changes are not recorded, each with the reason."""


def audited() -> dict[str, Audited]:
    database = Database.connect("postgresql://nobody@localhost/nothing")
    define_tables(database.dal)
    return audited_tables(database.dal)


AUDITED = audited()


def test_every_table_is_audited_or_says_why_not() -> None:
    assert sorted([*AUDITED, *UNAUDITED]) == sorted(metadata.tables)


@pytest.mark.parametrize("name", AUDITED)
def test_no_secret_of_a_table_gets_into_the_log(name: str) -> None:
    columns = metadata.tables[name].columns.keys()
    public = {"sha256"}  # Of a text that everybody is shown.

    assert {one for one in columns if SECRET.search(one)} - public <= AUDITED[name].hidden


@pytest.mark.parametrize("name", AUDITED)
def test_owner_and_key_name_one_row(name: str) -> None:
    one, table = AUDITED[name], metadata.tables[name]
    key = set(table.primary_key.columns.keys())

    assert key == {*one.key, one.owner} - {None}
    assert (one.owner is None) is ("user_id" not in table.columns and name != "users")


def test_hidden_column_that_does_not_exist_is_refused() -> None:
    database = Database.connect("postgresql://nobody@localhost/nothing")
    table = database.dal.define_table("things", Field("id", "uuid"), primarykey=["id"])

    with pytest.raises(ValueError, match="secrt"):
        audit(table, hidden=["secrt"])
