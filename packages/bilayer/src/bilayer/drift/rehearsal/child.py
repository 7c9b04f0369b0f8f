"""The child process that runs single revisions: ``python -m bilayer.drift.rehearsal.child``.

Confined like the one that replays migrations. It reads an order a line from standard input, a
revision and a direction, and tells what came of it. It reads no catalog and makes no rows.
"""

from __future__ import annotations

import gc
import graphlib
import itertools
import json
import os
import queue
import re
import sqlite3
import sys
import threading
import time
from typing import Any, Final, TextIO

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory

from bilayer.drift.lint.record import read_downgrades
from bilayer.drift.readers.replay import find_place, run, summarize, watch_env
from bilayer.drift.schemas import read_relation
from bilayer.urls import engine_name

_WRITE: Final = re.compile(
    r"\b(?:UPDATE(?:\s+ONLY)?|DELETE\s+FROM|INSERT\s+(?:IGNORE\s+|OR\s+\w+\s+)?INTO|REPLACE\s+INTO"
    r"|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)\s+((?:(?:\"[^\"]+\"|`[^`]+`|\w+)(?:\.(?=[\w\"`]))?)+)",
    re.IGNORECASE,
)
_LOCKS: Final = (
    "SELECT c.oid::regclass::text, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation'"
    " AND c.relkind IN ('r', 'p')"
    " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
)


class _Watch:
    """What the statements of one revision wrote, and what its transactions held."""

    def __init__(self) -> None:
        self.writes: set[str] = set()
        self.locks: set[tuple[str, str]] = set()

    def install(self) -> None:
        """Watch every engine of this process."""
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note_write)
        sa.event.listen(sa.Engine, "commit", self._note_locks)

    def reset(self) -> None:
        """Forget what the revision before did."""
        self.writes.clear()
        self.locks.clear()

    def _note_write(self, connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        engine = engine_name(connection.dialect.name)
        self.writes.update(read_relation(name, engine) for name in _WRITE.findall(statement))

    def _note_locks(self, connection: sa.Connection) -> None:
        """Ask what a transaction holds just before it lets go."""
        if connection.dialect.name != "postgresql":
            return
        cursor = connection.connection.cursor()
        try:
            cursor.execute(_LOCKS)
            self.locks.update((table, mode) for table, mode in cursor.fetchall())
        except Exception:  # noqa: BLE001, S110 - an aborted transaction has nothing to tell
            pass
        finally:
            cursor.close()


def main() -> None:
    """Read a request and then orders from standard input; answer each on standard output."""
    request = json.loads(sys.stdin.readline())
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    # ``run`` leaves standard output to answers; what a project prints goes elsewhere.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:

        def act(config: Config, script: ScriptDirectory, answer: dict[str, Any]) -> None:
            watch = _Watch()
            watch.install()
            watch_env(answer)
            told = {
                "order": _order(script, answer["revisions"]),
                "downgrades": read_downgrades(answer["revisions"]),
                "revisions": answer["revisions"],
            }
            _write(stream, told)
            while True:
                _write(stream, _obey(json.loads(orders.get()), config, script, answer, watch))

        run(request, act)


def _order(script: ScriptDirectory, listed: list[dict[str, Any]]) -> list[str]:
    """List each revision behind those it rests on; of two that may come first, the file decides."""
    graph: dict[str, list[str]] = {}
    for item in listed:
        revision = script.get_revision(item["revision"])
        named = [revision.down_revision, revision.dependencies]
        names = [[each] if isinstance(each, str) else list(each or ()) for each in named]
        before = [script.get_revision(each).revision for each in itertools.chain(*names)]
        graph[revision.revision] = before
    return list(graphlib.TopologicalSorter(graph).static_order())


def _read_orders(orders: queue.Queue[str]) -> None:
    """Pass orders on; the process that gave them keeps its end open while it lives."""
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)


def _write(stream: TextIO, document: dict[str, Any]) -> None:
    stream.write(json.dumps(document) + "\n")
    stream.flush()


def _obey(
    order: dict[str, Any],
    config: Config,
    script: ScriptDirectory,
    answer: dict[str, Any],
    watch: _Watch,
) -> dict[str, Any]:
    watch.reset()
    told: dict[str, Any] = {"is_begun": False}
    make = (
        MigrationStep.upgrade_from_script
        if order["is_upgrade"]
        else MigrationStep.downgrade_from_script
    )

    def list_steps(_current: Any, _context: Any) -> list[Any]:
        """Give exactly these revisions, whatever the graph around them looks like."""
        told["is_begun"] = True
        found = [script.get_revision(each) for each in order["revisions"]]
        return [make(script.revision_map, each) for each in found]

    started = time.monotonic()
    try:
        with EnvironmentContext(
            config, script, fn=list_steps, as_sql=False, starting_rev=None,
            destination_rev=order["revisions"][-1], tag=None,
        ):  # fmt: skip
            script.run_env()
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's code raises is the answer
        told["error"] = summarize(error)
        told["place"] = find_place(error, answer["version_locations"])
        told["code"] = _code(error)
    told["seconds"] = time.monotonic() - started
    told["writes"] = sorted(watch.writes)
    told["locks"] = sorted(watch.locks)
    told["version_tables"] = sorted(set(answer.get("version_tables") or ("alembic_version",)))
    # A connection that an error left open would hold its locks.
    gc.collect()
    return told


def _code(error: BaseException) -> str:
    """Give the engine's own code of an error: SQLSTATE, a number, SQLite's words; "" if not its."""
    cause: Any = getattr(error, "orig", None) or error
    state = getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
    if state:
        return str(state)
    is_engine = cause is not error or isinstance(cause, sqlite3.Error)
    return str(cause.args[0]) if is_engine and cause.args else ""


if __name__ == "__main__":
    main()
