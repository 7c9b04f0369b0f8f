"""What clients have changed while nobody saw it: decided change by change, and told once.

All of a push is one transaction that begins with the lock of the account's head. So what is read
then is what is written on, two pushes of one account come one after the other, and all rows of a
push have one version. What became of a change is stored with its effect: whoever sends it again,
because the answer was lost or nobody knows whether it was committed, is told the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from app import clock
from app.errors import FieldError
from app.keyset import SyncCursor
from app.models import (
    Synced,
    create_mutation_results,
    get_head,
    list_mutation_results,
    list_synced,
    lock_head,
)
from app.usecases.sync.clients import note_client
from app.usecases.sync.drafts import Drafts
from app.usecases.sync.horizon import check_cursor
from app.usecases.sync.merging import Mutation, Verdict, decide, reject
from app.usecases.sync.results import MAX_REPLAYED_BYTES, Result, Results, Writer, fit_row
from app.usecases.work import decided_unit_of_work

MAX_MUTATIONS: Final = 1000
_RECALLED_AT_ONCE: Final = 200
"""How many stored results are in memory at once, whose rows may be large."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A change that says nothing that could be done.

    Attributes:
        mutation_id: What the client calls it.
        flaw: What is wrong with it.
    """

    mutation_id: str
    flaw: FieldError


Change = Mutation | Unreadable


@dataclass(frozen=True, slots=True)
class Push:
    """What a client sends.

    Attributes:
        client_id: Which client.
        mutations: What it has changed, in this order.
        client_name: What people call it, if it says so.
        cursor: Where it is, if it says so.
    """

    client_id: str
    mutations: Sequence[Change]
    client_name: str | None = None
    cursor: SyncCursor | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What it is told.

    Attributes:
        results: What became of each change, in their order.
        cursor: Where the client is now, if it said where it was.
    """

    results: list[Result]
    cursor: SyncCursor | None


@decided_unit_of_work
def push_changes(user_id: UUID, push: Push, *, write_row: Writer) -> Pushed:
    """Let happen what a client has changed, as far as it can, and tell what became of each change.

    Args:
        user_id: Whose client.
        push: What it sends.
        write_row: How rows are told.

    Raises:
        Forbidden: ``CLIENT_REVOKED``.
        Conflict: ``TOO_MANY_CLIENTS``.
        Gone: ``FULL_RESYNC_REQUIRED``: no walk leads from the cursor to the head.
    """
    head = lock_head(user_id)
    if push.cursor is not None:
        check_cursor(push.cursor, head)
    at = clock.now()
    note_client(
        user_id,
        push.client_id,
        name=push.client_name,
        acked=push.cursor.version if push.cursor else None,
        epoch=head["epoch"],
        at=at,
    )
    told = _recall(user_id, push)
    is_replay = bool(told)
    new = _first_of_each(one for one in push.mutations if one.mutation_id not in told)
    results = Results(write_row)
    if new:
        stored = _perform(user_id, new, head["version"], results)
        create_mutation_results(user_id, push.client_id, stored, at=at)
        # What is told is what is stored, to the byte: so it is when it is told again.
        told |= list_mutation_results(user_id, push.client_id, stored)
    is_news = not is_replay and results.is_whole  # A row that is told again may be an old one.
    return Pushed(
        [told[one.mutation_id] for one in push.mutations],
        _advance(user_id, push.cursor, head["version"]) if is_news else push.cursor,
    )


def _recall(user_id: UUID, push: Push) -> dict[str, Result]:
    """Return what is known to have become of these changes, with rows as far as there is room.

    The results of many pushes may be asked for at once, and are as many times as large.
    """
    names = list(dict.fromkeys(one.mutation_id for one in push.mutations))
    told: dict[str, Result] = {}
    left = MAX_REPLAYED_BYTES
    for start in range(0, len(names), _RECALLED_AT_ONCE):
        some = names[start : start + _RECALLED_AT_ONCE]
        found = list_mutation_results(user_id, push.client_id, some)
        for name in some:
            if name in found:
                told[name], left = fit_row(found[name], left)
    return told


def _first_of_each(mutations: Iterable[Change]) -> list[Change]:
    """Leave out what has the id of one before it."""
    first: dict[str, Change] = {}
    for mutation in mutations:
        first.setdefault(mutation.mutation_id, mutation)
    return list(first.values())


def _perform(
    user_id: UUID, changes: Sequence[Change], head: int, results: Results
) -> dict[str, Result]:
    """Decide changes in their order, write what they make of their rows, and return the results."""
    tables = list_synced()
    refused = {one.mutation_id: _find_refusal(one, tables, user_id) for one in changes}
    mutations = [
        one for one in changes if isinstance(one, Mutation) and refused[one.mutation_id] is None
    ]
    drafts = Drafts(user_id, tables.values(), mutations)
    decided = {one.mutation_id: decide(drafts[one], one, head=head) for one in mutations}
    drafts.write()
    verdicts = {name: verdict for name, verdict in refused.items() if verdict} | decided
    rows = {one.mutation_id: drafts[one] for one in mutations}
    return {
        one.mutation_id: results.tell(
            one.mutation_id, verdicts[one.mutation_id], rows.get(one.mutation_id)
        )
        for one in changes
    }


def _find_refusal(change: Change, tables: Mapping[str, Synced], user_id: UUID) -> Verdict | None:
    """Reject what can be told from any row to be none that this account may write."""
    if isinstance(change, Unreadable):
        return reject(change.flaw.field, change.flaw.code, change.flaw.message)
    synced = tables.get(change.table)
    if synced is None:
        return reject("table", "NOT_ALLOWED", f"Tables that can be synced: {', '.join(tables)}.")
    if not synced.writable:
        return reject("table", "TABLE_READ_ONLY", "Rows of this table can only be pulled.")
    if synced.id_column == "user_id" and change.id != user_id:
        return reject("id", "NOT_ALLOWED", "The one row of this table has the id of the account.")
    return None


def _advance(user_id: UUID, cursor: SyncCursor | None, before: int) -> SyncCursor | None:
    """Return where a client is that is told all rows of this push.

    Only who knew all that was before knows all that is now.
    """
    if cursor is None or cursor.place is not None or cursor.version != before:
        return cursor
    head = get_head(user_id)
    return replace(cursor, version=head["version"] if head else before)
