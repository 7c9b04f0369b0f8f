"""The rows of links and of mails that wait, where two meet."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import (
    claim_mail,
    count_mail,
    delete_email_token,
    delete_mail,
    delete_mails,
    get_db,
    get_email_token,
    list_due_mail,
    postpone_mail,
    queue_mail,
    replace_email_token,
    use_email_token,
)
from app.vocabulary import MailKind
from bilayer.runtime import CheckViolation, UniqueViolation
from tests.factories import make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON = NOON + timedelta(minutes=1)
LATER = NOON + timedelta(hours=1)
RESET = MailKind.PASSWORD_RESET


def make_token(user_id: UUID, name: str, purpose: str = RESET) -> None:
    replace_email_token(
        user_id,
        purpose=purpose,
        token_id=uuid4(),
        token_hash=name,
        created_at=NOON,
        expires_at=LATER,
    )


def make_mail(user_id: UUID, kind: str = RESET) -> dict[str, Any]:
    mail_id = uuid4()
    queue_mail(user_id, mail_id=mail_id, kind=kind, created_at=NOON, expires_at=LATER)
    return {mail["id"]: mail for mail in list_due_mail(kinds=[kind], at=NOON, limit=9)}[mail_id]


def test_account_has_one_link_of_each_purpose() -> None:
    user_id = make_user()["id"]

    for name in ("first", "second"):
        make_token(user_id, name)
    make_token(user_id, "third", MailKind.EMAIL_VERIFICATION)

    assert (get_email_token(user_id, RESET) or {})["token_hash"] == "second"
    assert get_db()(get_db().email_tokens).count() == 2


def test_purpose_is_a_known_one() -> None:
    with pytest.raises(CheckViolation):
        make_token(make_user()["id"], "x", "anything")


def test_link_is_used_once_by_whoever_is_first() -> None:
    user_id = make_user()["id"]
    make_token(user_id, "digest")

    uses = run_together(
        [partial(use_email_token, user_id, RESET, token_hash="digest", at=SOON)] * 4
    )

    assert sorted(map(str, uses)) == ["False", "False", "False", "True"]


@pytest.mark.parametrize(
    ("changes", "is_used"),
    [
        ({}, True),
        ({"token_hash": "another"}, False),
        ({"at": LATER}, False),
        ({"purpose": MailKind.EMAIL_VERIFICATION}, False),
    ],
)
def test_link_is_used_in_time_and_for_its_purpose(changes: dict[str, Any], is_used: bool) -> None:
    user_id = make_user()["id"]
    make_token(user_id, "digest")
    use: dict[str, Any] = {"purpose": RESET, "token_hash": "digest", "at": SOON} | changes

    assert use_email_token(user_id, use.pop("purpose"), **use) is is_used
    assert use_email_token(make_user()["id"], RESET, token_hash="digest", at=SOON) is False


def test_link_is_taken_away() -> None:
    user_id = make_user()["id"]
    make_token(user_id, "digest")

    delete_email_token(user_id, RESET)

    assert get_email_token(user_id, RESET) is None


def test_attempt_at_a_mail_belongs_to_one() -> None:
    mail = make_mail(make_user()["id"])

    claims = run_together([partial(claim_mail, mail, until=SOON)] * 4)

    assert sorted(map(str, claims)) == ["False", "False", "False", "True"]
    assert list_due_mail(kinds=[RESET], at=NOON, limit=9) == []
    [due] = list_due_mail(kinds=[RESET], at=SOON, limit=9)
    assert due["attempts"] == 1


def test_attempt_that_was_taken_over_postpones_nothing() -> None:
    mail = make_mail(make_user()["id"])
    claim_mail(mail, until=SOON)
    [seen] = list_due_mail(kinds=[RESET], at=SOON, limit=9)
    claim_mail(seen, until=SOON)

    postpone_mail(mail, until=LATER)
    assert len(list_due_mail(kinds=[RESET], at=SOON, limit=9)) == 1

    postpone_mail(seen, until=LATER)
    assert list_due_mail(kinds=[RESET], at=SOON, limit=9) == []


def test_mails_are_forgotten_one_by_one_or_by_kind() -> None:
    user_id, other_id = make_user()["id"], make_user()["id"]
    mail = make_mail(user_id)
    make_mail(user_id)
    make_mail(other_id)
    make_mail(user_id, MailKind.EMAIL_VERIFICATION)

    delete_mail(user_id, mail["id"])
    assert count_mail() == 3

    delete_mails(user_id, RESET)
    assert count_mail() == 2


def test_mail_is_queued_once() -> None:
    user_id = make_user()["id"]
    mail = make_mail(user_id)

    with pytest.raises(UniqueViolation):
        queue_mail(user_id, mail_id=mail["id"], kind=RESET, created_at=NOON, expires_at=LATER)
