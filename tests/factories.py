"""Rows for tests: each function states what matters to nobody, the test states the rest."""

from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.models import create_user, get_db
from app.usecases import passwords
from app.usecases.learning.belongings import create_belonging
from app.usecases.learning.learners import create_learner
from app.usecases.learning.mastery import Grammar, Word, add_grammar, add_words
from app.usecases.learning.store import CARDS, MESSAGES
from app.usecases.work import unit_of_work
from app.vocabulary import Role, UserType

PASSWORD = "seven purple umbrellas"
_numbers = count(1)


def new_email() -> str:
    """Return an address that no other call returned."""
    return f"person-{next(_numbers)}@example.com"


def make_user(**columns: Any) -> dict[str, Any]:
    """Store an account whose password is ``PASSWORD``."""
    values = {"email": new_email(), "password_hash": hash_of_password(), **columns}
    return create_user(**values)


def make_admin(**columns: Any) -> dict[str, Any]:
    """Store an administrator."""
    return make_user(role=Role.ADMIN, **columns)


def make_guest(**columns: Any) -> dict[str, Any]:
    """Store a guest: an account without e-mail and password."""
    return create_user(user_type=UserType.GUEST, **columns)


def make_history(user_id: UUID, **columns: Any) -> dict[str, Any]:
    """Store an action, at the time of the clock unless ``created_at`` says another."""
    values = {
        "user_id": user_id,
        "id": uuid_utils.compat.uuid7(),
        "action_type": "TRANSLATE_DOG",
        "payload": {"text": "wuff"},
        **columns,
    }
    get_db().history.insert(**values)
    return values


@unit_of_work
def make_learner(user_id: UUID, learner_id: str) -> dict[str, UUID]:
    """Store a learner with one of each kind; return their ids by the kinds' words in addresses."""
    create_learner(user_id, learner_id, name="Anna")
    words = add_words(user_id, learner_id, [Word("好", "zh")])
    grammar = add_grammar(user_id, learner_id, [Grammar("http://e/a")])
    shown: dict[str, Any] = {"card_type": "basic", "status": "pending", "content": {}}
    card, _ = create_belonging(CARDS, user_id, learner_id, None, **shown, approved_at=None)
    said = {"role": "user", "content": "Hello"}
    message, _ = create_belonging(MESSAGES, user_id, learner_id, None, **said, timestamp=None)
    return {
        "words": UUID(str(words.done[0][1])),
        "grammar": UUID(str(grammar.done[0][1])),
        "cards": card["id"],
        "messages": message["id"],
    }


@cache
def hash_of_password() -> str:
    """Hash ``PASSWORD`` once; hashing is slow on purpose."""
    return passwords.hash_password(PASSWORD)
