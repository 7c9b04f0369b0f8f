"""Pulling 1,000 changes out of a long history, beside the same number out of a short one.

Two accounts of one database. The changed rows lie far apart in both, as if people had gone over
what they did long ago. Called in one process, in one thread: HTTP would cost both the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from app import clock
from app.keyset import SyncCursor
from app.models import get_epoch, release
from app.usecases.sync.pull import Asked, find_head, pull
from app.usecases.sync.walk import Change
from scripts.bench.cache import Calls
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import (
    Bench,
    CannotMeasure,
    Comparison,
    Goal,
    Options,
    compare,
    progress,
)
from tests.factories import make_user
from tests.support.run import Run
from tests.support.service import connected, settings_for

CHANGES: Final = 1_000
FEW_ROWS: Final = 10_000
GOAL: Final = Goal("cost", 1.2)
_AT_ONCE: Final = 100_000
_INSERT: Final = sa.text("""
    INSERT INTO history
        (user_id, id, action_type, payload, created_at, updated_at, is_deleted, version)
    SELECT :user_id, lpad(to_hex(n), 32, '0')::uuid, 'TRANSLATE_DOG',
        jsonb_build_object('text', md5(n::text), 'mood', n % 7), now(), now(), false, n
    FROM generate_series(:first, :last) AS n""")
_CHANGE: Final = sa.text("""
    UPDATE history SET version = :rows + n, updated_at = now()
    FROM generate_series(1, :changes) AS n
    WHERE user_id = :user_id AND id = lpad(to_hex(n * (:rows / :changes)), 32, '0')::uuid""")
_HEAD: Final = sa.text("""
    INSERT INTO sync_heads (user_id, version, epoch, floor, changed_at)
    VALUES (:user_id, :version, :epoch, 0, now())""")


def measure(run: Run, options: Options) -> Bench:
    """Measure pulls on PostgreSQL.

    Raises:
        CannotMeasure: Another engine was asked for.
    """
    if options.engine != "postgresql":
        raise CannotMeasure("sync-pull makes its rows with PostgreSQL's generate_series")
    bench = Bench("sync-pull")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        with connected(settings_for(url, Path(folder))):
            counts = (options.rows, FEW_ROWS)
            calls = [_make_calls(url, count) for count in counts]
            comparison = Comparison(f"pull {CHANGES:,} changes", calls, GOAL)
            bench.results.append(compare(comparison, options))
    return bench


def _make_calls(url: str, rows: int) -> Calls:
    """Store a history of so many rows, and return what pulls its last changes."""
    user_id = make_user()["id"]
    values: dict[str, Any] = {"user_id": user_id, "rows": rows, "changes": CHANGES}
    head = {"user_id": user_id, "version": rows + CHANGES, "epoch": get_epoch()}
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for first in range(1, rows + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, rows)
        with engine.begin() as connection:
            connection.execute(_INSERT, values | {"first": first, "last": last})
        progress(f"{last:,} of {rows:,} rows stored")
    with engine.begin() as connection:
        connection.execute(_CHANGE, values)
        connection.execute(_HEAD, head)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE) history")
    release()
    return Calls(f"out of {rows:,}", [_pulling(user_id, SyncCursor(head["epoch"], rows))])


def _pulling(user_id: UUID, cursor: SyncCursor) -> Callable[[], object]:
    asked = Asked(user_id, CHANGES, cursor=cursor)

    def pull_changes() -> None:
        at = clock.now()
        page = pull(asked, find_head(asked, at=at), at=at, weigh=_weigh)
        if len(page.changes) != CHANGES:
            raise CannotMeasure(f"{len(page.changes)} changes were pulled, and not {CHANGES}")

    return pull_changes


def _weigh(change: Change) -> int:
    """Let a page be as long as it may."""
    del change
    return 0
