"""Which passwords may be chosen, and what is kept of them."""

import threading
import unicodedata

import pytest
from sqlalchemy.pool import QueuePool

from app.errors import Unavailable
from app.models import get_user_by_email
from app.usecases import passwords
from app.usecases.passwords import find_flaw, hash_password, is_outdated, is_password
from app.vocabulary import MANAGED_EXTERNALLY
from bilayer.runtime import Database

GOOD = "seven purple umbrellas"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "PASSWORD_TOO_SHORT"),
        ("", "PASSWORD_TOO_SHORT"),
        ("x" * 257, "PASSWORD_TOO_LONG"),
        ("password", "PASSWORD_TOO_COMMON"),
        ("PassWord123", "PASSWORD_TOO_COMMON"),
        ("12345678", "PASSWORD_TOO_COMMON"),
        ("ada.lovelace", "PASSWORD_TOO_OBVIOUS"),
        ("Ada.Lovelace1843!", "PASSWORD_TOO_OBVIOUS"),
        ("ada.lovelace@example.com", "PASSWORD_TOO_OBVIOUS"),
        ("adakinglovelace", "PASSWORD_TOO_OBVIOUS"),
    ],
)
def test_weak_password_is_refused(password: str, code: str) -> None:
    flaw = find_flaw(password, "ada.lovelace@example.com", "Ada King Lovelace")

    assert flaw is not None
    assert flaw.code == code
    assert flaw.field == "password"


@pytest.mark.parametrize(
    "password",
    ["lowercaseonlybutrare", "🦜🦜🦜🦜🦜🦜🦜🦜", "  spaces  count  ", "x" * 249 + "unusual"],
)
def test_no_composition_is_demanded(password: str) -> None:
    assert find_flaw(password, "ada@example.com") is None


def test_list_of_common_passwords_is_ready_to_be_searched() -> None:
    common = passwords._common_passwords()

    assert len(common) >= 11_000
    assert {"password1", "11111111"} <= common
    assert all(word == word.casefold() == word.strip() for word in common)
    assert all(len(word) >= passwords.MIN_CHARACTERS for word in common)


def test_hash_has_the_parameters_that_are_recommended() -> None:
    assert hash_password(GOOD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_only_the_same_password_fits_its_hash() -> None:
    stored = hash_password(GOOD)

    assert is_password(GOOD, stored)
    assert not is_password(GOOD.upper(), stored)
    assert not is_password(GOOD + " ", stored)


def test_password_fits_however_a_keyboard_composes_its_characters() -> None:
    composed, decomposed = (unicodedata.normalize(form, "mañana señor") for form in ("NFC", "NFD"))
    assert composed != decomposed

    assert is_password(decomposed, hash_password(composed))


@pytest.mark.parametrize("stored", [None, MANAGED_EXTERNALLY, "", "$argon2id$broken"])
def test_nothing_fits_where_there_is_no_hash(stored: str | None) -> None:
    assert not is_password(MANAGED_EXTERNALLY, stored)
    assert not is_password(GOOD, stored)


def test_password_behind_nobodys_hash_signs_nobody_in() -> None:
    known = "no password is this one: it stands in for accounts that do not exist"
    assert passwords._HASHER.verify(passwords._NOBODYS_HASH, known)

    assert not is_password(known, None)


def test_hash_of_nobody_costs_what_a_new_one_costs() -> None:
    assert not is_outdated(passwords._NOBODYS_HASH)


def test_weaker_hash_is_outdated() -> None:
    weaker = "$argon2id$v=19$m=8192,t=1,p=1$UQRQ75aG+T7kjQSS8b3m9A$AAAAAAAAAAAAAAAAAAAAAA"

    assert is_outdated(weaker)
    assert not is_outdated(hash_password(GOOD))


def test_hashing_is_refused_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_SLOTS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_MAX_WAIT_SECONDS", 0.01)

    with passwords._slot(), pytest.raises(Unavailable):
        hash_password(GOOD)

    assert hash_password(GOOD)


def test_nobody_waits_for_the_connection_of_a_thread_that_hashes(database: Database) -> None:
    get_user_by_email("ada@example.com")
    pool = database.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 1

    hash_password(GOOD)

    assert pool.checkedout() == 0
