"""From the database into an account's files: what a transaction has changed, or everything.

Every row that a transaction has written has the version of that transaction, so it is read by that,
and the files have exactly what the database has, whoever wrote it.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from app.keyset import Place
from app.models import Owned, Row, get_head, list_changes, list_owned_rows, list_synced
from app.usecases.learning.store import (
    CARDS,
    GRAMMAR,
    KINDS,
    LEARNERS,
    MESSAGES,
    WORDS,
    Kind,
)
from app.usecases.learning.stores.account import Account, Rows
from app.usecases.learning.stores.spelling import spell_row

_AT_ONCE: Final = {WORDS: 2000, GRAMMAR: 2000, MESSAGES: 200, LEARNERS: 50, CARDS: 20}
"""Rows of one statement: a card may have 8 MiB."""


def copy_changes(account: Account) -> bool:
    """Give an account what has the last version of its owner; tell whether it had not."""
    user_id = account.folder.user_id
    head = get_head(user_id)
    if head is None:
        return False
    # A list, because every table counts.
    changed = [
        _merge(account, kind, _rows_of_version(kind, user_id, head["version"])) for kind in KINDS
    ]
    account.head = max(account.head, head["version"])
    return any(changed)


def copy_everything(account: Account) -> None:
    """Give a blank account what the database has."""
    user_id = account.folder.user_id
    head = get_head(user_id)
    account.head = max(account.head, head["version"] if head else 0)
    for kind in KINDS:
        _merge(account, kind, list_rows(kind, user_id))


def list_rows(kind: Kind, user_id: UUID) -> Iterator[Row]:
    """Yield all rows of an account in a table of the database, deleted ones too."""
    owned, after = Owned(kind.table, ("id",)), None
    while rows := list_owned_rows(owned, user_id, after=after, limit=_AT_ONCE[kind]):
        yield from rows
        after = (rows[-1]["id"],)


def _merge(account: Account, kind: Kind, rows: Iterable[Row]) -> bool:
    by_learner: dict[str, Rows] = {}
    for row in rows:
        spelled = spell_row(kind.table, row)
        by_learner.setdefault(spelled.get("profile_id", ""), {})[spelled["id"]] = spelled
    has_changed = False
    for learner, new in by_learner.items():
        old = account.learners if kind == LEARNERS else account.part((kind.table, learner))
        if any(old.get(row_id) != row for row_id, row in new.items()):
            account.put(kind, learner, old | new)
            has_changed = True
    return has_changed


def _rows_of_version(kind: Kind, user_id: UUID, version: int) -> Iterator[Row]:
    synced, after, limit = list_synced()[kind.table], Place(version - 1), _AT_ONCE[kind]
    while True:
        rows = list_changes(user_id, synced, after=after, until=version, gone_until=0, limit=limit)
        yield from rows
        if len(rows) < limit:
            return
        after = Place(version, kind.table, str(rows[-1]["id"]))
