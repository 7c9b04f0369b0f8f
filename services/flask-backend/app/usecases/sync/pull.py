"""What has changed of an account since a device was here, page by page, of one moment each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from app.keyset import SyncCursor
from app.models import Row, get_head, transaction
from app.usecases.sync.clients import note_client, read_head_and_client, require_live
from app.usecases.sync.horizon import check_cursor, head_or_blank
from app.usecases.sync.since import version_before
from app.usecases.sync.tables import Synced, choose_tables, list_synced
from app.usecases.sync.walk import Change, cursor_between, walk
from bilayer.runtime.errors import ReadOnly, StorageFailure, StorageFull

MAX_PAGE_BYTES: Final = 2 * 2**20
"""How large the rows of a page are together; a page of more ends early."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a device asks for.

    Attributes:
        user_id: Whose changes.
        limit: How many rows at most, of all tables together.
        tables: Which tables; None for all there are.
        cursor: Where it is; None for everything.
        since: A time in its place.
        client_id: What it calls itself.
    """

    user_id: UUID
    limit: int
    tables: frozenset[str] | None = None
    cursor: SyncCursor | None = None
    since: datetime | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, and where they end.

    Attributes:
        head: ``version`` and ``epoch`` of the moment they are of.
        tables: Those that were asked for.
        changes: By version, table and id.
        cursor: Where the next page begins.
        has_more: There is more already.
    """

    head: Row
    tables: list[Synced]
    cursor: SyncCursor
    changes: list[Change] = field(default_factory=list)
    has_more: bool = False


def find_head(asked: Asked, *, at: datetime) -> Row:
    """Return the head of the account, and note the client with what it has.

    Args:
        asked: What the device asks for.
        at: Now.

    Raises:
        Invalid: A table is not synced.
        Forbidden: ``CLIENT_REVOKED``.
        Conflict: ``TOO_MANY_CLIENTS``.
        Gone: ``FULL_RESYNC_REQUIRED``: nothing leads on from the cursor.
    """
    choose_tables(asked.tables)
    found = read_head_and_client(asked.user_id, asked.client_id)
    require_live(found.client)
    head = head_or_blank(found.head)
    if asked.cursor is not None:
        check_cursor(asked.cursor, head)
    _note_client(asked, head, found.client, at)
    return head


def pull(asked: Asked, head: Row, *, at: datetime, weigh: Callable[[Change], int]) -> Page:
    """Return a page of changes, all as they were at one moment.

    Args:
        asked: What the device asks for.
        head: As ``find_head`` gave it: if the device is there, nothing is read.
        at: Now.
        weigh: Tells how many bytes a change has in the answer.

    Raises:
        Gone: ``FULL_RESYNC_REQUIRED``: nothing leads on from the cursor, or any more.
    """
    tables = choose_tables(asked.tables)
    if asked.cursor is not None and asked.cursor.version == head["version"]:
        return Page(head, tables, asked.cursor)
    with transaction("REPEATABLE READ", readonly=True):
        head = head_or_blank(get_head(asked.user_id), head["epoch"])
        start = asked.cursor or _begin(asked, head, at)
        check_cursor(start, head)
        return _read_page(asked, tables, start, head, weigh)


def _note_client(asked: Asked, head: Row, client: Row | None, at: datetime) -> None:
    """Note who asks, and what it has; if nothing can be written now, it will say so again."""
    if asked.client_id is None:
        return
    acked = None if asked.cursor is None else asked.cursor.version
    try:
        note_client(
            asked.user_id, asked.client_id, acked=acked, epoch=head["epoch"], at=at, known=client
        )
    except (ReadOnly, StorageFull, StorageFailure) as error:
        log.info("client_not_noted", kind=type(error).__name__)


def _begin(asked: Asked, head: Row, at: datetime) -> SyncCursor:
    """Return where a device begins that has no cursor."""
    if asked.since is None:
        return SyncCursor(head["epoch"], 0, tables=asked.tables, origin=head["version"])
    tables = list_synced().values()
    version = version_before(head, asked.user_id, asked.since, tables, now=at)
    return SyncCursor(head["epoch"], version, tables=asked.tables)


def _read_page(
    asked: Asked,
    tables: list[Synced],
    start: SyncCursor,
    head: Row,
    weigh: Callable[[Change], int],
) -> Page:
    changes: list[Change] = []
    size = 0
    for change in walk(asked.user_id, tables, start, until=head["version"], limit=asked.limit):
        size += weigh(change)
        # At least one, so that paging gets on.
        if len(changes) == asked.limit or (changes and size > MAX_PAGE_BYTES):
            cursor = cursor_between(start, changes[-1].place, change.place)
            return Page(head, tables, cursor, changes, has_more=True)
        changes.append(change)
    end = SyncCursor(head["epoch"], head["version"], tables=start.tables)
    return Page(head, tables, end, changes)
