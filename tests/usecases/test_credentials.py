"""How a password is replaced: by whoever knows it, and by whoever reads the account's mail."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from argon2 import PasswordHasher

from app import clock
from app.errors import AppError, Forbidden, Invalid, NotFound, TooManyRequests, Unauthorized
from app.models import get_db, get_user, update_user
from app.usecases import credentials, passwords
from app.usecases.accounts import delete_account
from app.usecases.credentials import change_password, request_reset, reset_password
from app.usecases.links import LIFETIMES
from app.usecases.lockout import GUESS_LIMIT
from app.usecases.rates import MAIL_ADDRESS_LIMIT, MAIL_LIMIT
from app.usecases.sessions import Client, TokenPair, authenticate, open_session
from app.usecases.signing_in import SignedIn, login, logout, refresh
from app.usecases.verification import verify_email
from app.vocabulary import MANAGED_EXTERNALLY, MailKind
from tests.factories import PASSWORD, make_guest, make_user
from tests.support.mailbox import KEY, Mailbox, token_in
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

CLIENT = Client("192.0.2.1", "phone")
NEW = "eleven yellow bicycles"
OTHER = "four silent trombones"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(autouse=True)
def _quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "ANSWER_SECONDS", 0.001)


def sign_in(user: dict[str, Any]) -> TokenPair:
    return open_session(user["id"], CLIENT)


def change(pair: TokenPair, old: str = PASSWORD, new: str = NEW) -> SignedIn:
    principal = authenticate(pair.access_token)
    return change_password(principal, current_password=old, new_password=new, client=CLIENT)


def ask(email: str, address: str | None = None) -> None:
    request_reset(email, Client(address), key=KEY)


def link_for(user: dict[str, Any], mailbox: Mailbox) -> str:
    ask(user["email"])
    [mail] = mailbox.collect()
    return token_in(mail)


def reset(token: str, password: str = NEW) -> None:
    reset_password(token, new_password=password, client=CLIENT)


def can_sign_in(user: dict[str, Any], password: str) -> bool:
    try:
        return login(email=user["email"], password=password, client=Client()) is not None
    except Unauthorized:
        return False


def is_live(pair: TokenPair) -> bool:
    try:
        return authenticate(pair.access_token) is not None
    except Unauthorized:
        return False


def code_of(result: object) -> str:
    return result.code if isinstance(result, AppError) else type(result).__name__


def test_whoever_changes_the_password_is_signed_in_anew_and_nobody_else_is() -> None:
    user = make_user()
    mine, other = sign_in(user), sign_in(user)

    signed_in = change(mine)

    assert signed_in.user["id"] == user["id"]
    assert is_live(signed_in.tokens)
    assert not is_live(mine)
    assert not is_live(other)
    assert can_sign_in(user, NEW)
    assert not can_sign_in(user, PASSWORD)


def test_wrong_current_password_changes_nothing_and_is_counted_like_a_guess() -> None:
    user = make_user()
    pair = sign_in(user)

    for _ in range(GUESS_LIMIT.free_attempts + 1):
        with pytest.raises(Forbidden) as refused:
            change(pair, "a wrong guess")
        assert refused.value.code == "WRONG_PASSWORD"

    with pytest.raises(TooManyRequests):
        change(pair)
    with pytest.raises(TooManyRequests):
        login(email=user["email"], password=PASSWORD, client=CLIENT)
    assert is_live(pair)


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("short", "PASSWORD_TOO_SHORT"),
        ("x" * 257, "PASSWORD_TOO_LONG"),
        ("password1", "PASSWORD_TOO_COMMON"),
        ("Ada Lovelace", "PASSWORD_TOO_OBVIOUS"),
        (PASSWORD, "PASSWORD_UNCHANGED"),
    ],
)
def test_new_password_must_be_good_and_new(new: str, code: str) -> None:
    pair = sign_in(make_user(full_name="Ada Lovelace"))

    with pytest.raises(Invalid) as refused:
        change(pair, new=new)

    assert [(error.field, error.code) for error in refused.value.errors] == [("new_password", code)]
    assert is_live(pair)


def test_guest_has_no_password_to_change() -> None:
    pair = sign_in(make_guest())

    with pytest.raises(Forbidden) as refused:
        change(pair)

    assert refused.value.code == "GUEST_ACCOUNT"


def test_of_two_who_change_the_password_at_once_one_does() -> None:
    user = make_user()
    pairs = [sign_in(user), sign_in(user)]

    results = run_together(
        [partial(change, pair, new=new) for pair, new in zip(pairs, (NEW, OTHER), strict=True)]
    )

    codes = sorted(map(code_of, results))
    assert codes[0] == "SignedIn"
    assert codes[1] in {"WRONG_PASSWORD", "TOKEN_INVALID"}
    assert [can_sign_in(user, NEW), can_sign_in(user, OTHER)].count(True) == 1
    assert len(live_sign_ins(user)) == 2  # The new one, and that of the last line.


def live_sign_ins(user: dict[str, Any]) -> list[dict[str, Any]]:
    sessions = get_db().sessions
    rows = get_db()(sessions.user_id == user["id"]).dicts()
    return [row for row in rows if row["revoked_at"] is None]


def during_comparison(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Do something once while the next password is compared."""
    compare = passwords.is_password
    actions = [action]

    def compare_slowly(password: str, password_hash: str | None) -> bool:
        if actions:
            actions.pop()()
        return compare(password, password_hash)

    monkeypatch.setattr(passwords, "is_password", compare_slowly)


def test_old_password_opens_nothing_if_it_is_changed_while_it_is_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = make_user()
    during_comparison(
        monkeypatch, lambda: update_user(user["id"], password_hash=passwords.hash_password(NEW))
    )

    assert not can_sign_in(user, PASSWORD)
    assert live_sign_ins(user) == []


@pytest.mark.parametrize("use", ["sign in", "change"])
def test_password_stays_right_if_only_its_hash_is_renewed_while_it_is_compared(
    monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    user = make_user()
    pair = sign_in(user)
    other_hash = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD)
    during_comparison(monkeypatch, lambda: update_user(user["id"], password_hash=other_hash))

    if use == "sign in":
        assert can_sign_in(user, PASSWORD)
    else:
        assert is_live(change(pair).tokens)


def test_link_of_a_mail_replaces_the_password_and_ends_all_sign_ins(mailbox: Mailbox) -> None:
    user = make_user()
    pair = sign_in(user)

    reset(link_for(user, mailbox))

    assert not is_live(pair)
    assert can_sign_in(user, NEW)
    assert not can_sign_in(user, PASSWORD)


def test_link_works_once(mailbox: Mailbox) -> None:
    user = make_user()
    token = link_for(user, mailbox)
    reset(token)

    with pytest.raises(NotFound) as refused:
        reset(token, OTHER)

    assert refused.value.code == "LINK_NOT_FOUND"
    assert can_sign_in(user, NEW)


def test_of_many_who_use_a_link_at_once_one_does(mailbox: Mailbox) -> None:
    user = make_user()
    token = link_for(user, mailbox)
    choices = [NEW, OTHER, "nine patient walruses", "two hundred thimbles"]

    results = run_together([partial(reset, token, choice) for choice in choices])

    assert sorted(map(code_of, results)) == ["LINK_NOT_FOUND"] * 3 + ["NoneType"]
    winner = choices[[code_of(result) for result in results].index("NoneType")]
    assert can_sign_in(user, winner)


def test_link_expires(mailbox: Mailbox) -> None:
    user = make_user()
    begun = clock.now()
    with clock.frozen(begun):
        token = link_for(user, mailbox)

    with clock.frozen(begun + LIFETIMES[MailKind.PASSWORD_RESET]), pytest.raises(NotFound):
        reset(token)
    with clock.frozen(begun + LIFETIMES[MailKind.PASSWORD_RESET] - timedelta(microseconds=1)):
        reset(token)


def test_later_link_ends_the_one_before(mailbox: Mailbox) -> None:
    user = make_user()
    first, second = link_for(user, mailbox), link_for(user, mailbox)

    with pytest.raises(NotFound):
        reset(first)
    reset(second)


def test_link_is_good_for_its_purpose_and_its_account_only(mailbox: Mailbox) -> None:
    user, other = make_user(), make_user()
    token, others = link_for(user, mailbox), link_for(other, mailbox)
    swapped = f"{other['id']}.{token.partition('.')[2]}"

    with pytest.raises(NotFound):
        verify_email(token)
    for forged in (swapped, "", "x" * 80, f"{user['id']}.{'A' * 43}"):
        with pytest.raises(NotFound):
            reset(forged)
    reset(token)
    reset(others)


def test_neither_access_nor_refresh_token_replaces_a_password(mailbox: Mailbox) -> None:
    user = make_user()
    pair = sign_in(user)
    link_for(user, mailbox)

    for token in (pair.access_token, pair.refresh_token):
        with pytest.raises(NotFound):
            reset(token)


def test_refused_password_leaves_the_link_working(mailbox: Mailbox) -> None:
    user = make_user()
    token = link_for(user, mailbox)

    with pytest.raises(Invalid) as refused:
        reset(token, "short")
    assert [error.field for error in refused.value.errors] == ["new_password"]

    reset(token)


def test_link_verifies_the_email(mailbox: Mailbox) -> None:
    user = make_user()

    reset(link_for(user, mailbox))

    assert (get_user(user["id"]) or {})["email_verified_at"] is not None


def test_owner_gets_in_by_a_link_while_the_account_is_locked(mailbox: Mailbox) -> None:
    user = make_user()
    for _ in range(GUESS_LIMIT.free_attempts + 1):
        with pytest.raises(Unauthorized):
            login(email=user["email"], password="a wrong guess", client=CLIENT)
    with pytest.raises(TooManyRequests):
        login(email=user["email"], password=PASSWORD, client=CLIENT)

    reset(link_for(user, mailbox))

    assert login(email=user["email"], password=NEW, client=CLIENT)


def test_changed_password_ends_the_link_that_was_asked_for_before(mailbox: Mailbox) -> None:
    user = make_user()
    token = link_for(user, mailbox)

    change(sign_in(user))

    with pytest.raises(NotFound):
        reset(token)


@pytest.mark.parametrize("who", ["nobody", "disabled", "deleted", "external", "guest"])
def test_whoever_cannot_use_a_link_is_sent_none(mailbox: Mailbox, who: str) -> None:
    user = make_user(password_hash=MANAGED_EXTERNALLY) if who == "external" else make_user()
    if who == "disabled":
        update_user(user["id"], is_active=False)
    elif who == "deleted":
        delete_account(user["id"])
    elif who == "guest":
        make_guest()

    ask("nobody@example.com" if who in {"nobody", "guest"} else user["email"])

    assert mailbox.collect() == []
    assert get_db()(get_db().email_tokens).isempty()


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_link_ends_with_its_account(mailbox: Mailbox, end: str) -> None:
    user = make_user()
    token = link_for(user, mailbox)
    if end == "disable":
        update_user(user["id"], is_active=False)
    else:
        delete_account(user["id"])

    with pytest.raises(NotFound):
        reset(token)


def test_too_many_links_are_refused_in_silence(mailbox: Mailbox) -> None:
    user = make_user()

    with clock.frozen(clock.now()):
        for _ in range(MAIL_LIMIT.free_attempts + 3):
            ask(user["email"])
            mailbox.collect()

    # One beyond what is free is what begins the lock.
    assert len(mailbox.mails) == MAIL_LIMIT.free_attempts + 1


def test_one_address_cannot_have_mails_sent_to_everybody(mailbox: Mailbox) -> None:
    users = [make_user() for _ in range(MAIL_ADDRESS_LIMIT.free_attempts + 3)]

    with clock.frozen(clock.now()):
        for user in users:
            ask(user["email"], "192.0.2.7")
        while mailbox.collect():
            pass
        ask(users[-1]["email"], "192.0.2.8")

        assert len(mailbox.collect()) == 1
    assert len(mailbox.mails) == MAIL_ADDRESS_LIMIT.free_attempts + 2


def test_answer_takes_as_long_for_an_email_that_nobody_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(credentials, "ANSWER_SECONDS", 0.5)
    user = make_user()

    for email in (user["email"], "nobody@example.com"):
        begun = time.monotonic()
        ask(email)

        assert time.monotonic() - begun >= 0.5


def test_logout_and_refresh_at_once_leave_nobody_signed_in() -> None:
    user = make_user()
    for _ in range(5):
        pair = sign_in(user)
        principal = authenticate(pair.access_token)

        actions: list[Callable[[], object]] = [
            partial(refresh, pair.refresh_token, CLIENT, keys=[KEY]),
            partial(logout, principal),
        ]
        renewed, _ = run_together(actions)

        assert not is_live(pair)
        if isinstance(renewed, SignedIn):
            assert not is_live(renewed.tokens)


def test_reset_and_refresh_at_once_leave_nobody_signed_in(mailbox: Mailbox) -> None:
    user = make_user()
    pair = sign_in(user)
    token = link_for(user, mailbox)

    actions: list[Callable[[], object]] = [
        partial(refresh, pair.refresh_token, CLIENT, keys=[KEY]),
        partial(reset, token),
    ]
    renewed, _ = run_together(actions)

    assert live_sign_ins(user) == []
    assert code_of(renewed) in {"SignedIn", "TOKEN_INVALID"}
