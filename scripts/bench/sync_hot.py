"""One account that many write to at once: its versions are taken one after the other.

Calls the use case, as requests do; every transaction waits for the one before to be committed.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app import deadline
from app.log import configure_logging
from app.models import get_head, release
from app.usecases.history import record_action
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import (
    Bench,
    CannotMeasure,
    Options,
    Result,
    Turn,
    progress,
)
from scripts.bench.verdicts import spread
from tests.factories import make_user
from tests.support.run import Run
from tests.support.service import connected, settings_for
from tests.support.threads import run_together

THREADS: Final = 16
WANTED: Final = 500
"""Writes a second, on PostgreSQL."""

_PAYLOAD: Final = {"text": "wuff", "mood": 3}


def measure(run: Run, options: Options) -> Bench:
    """Measure writes on the engine that was asked for."""
    configure_logging("error")
    bench = Bench("sync-hot")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        with connected(settings_for(url, Path(folder), db_pool_size=THREADS)):
            user_id = make_user()["id"]
            release()
            turns = [_take_turn(user_id, options.seconds) for _ in range(options.rounds)]
            written = sum(turn.count for turn in turns)
            head = get_head(user_id)
            if head is None or head["version"] != written:
                raise CannotMeasure(f"{written} rows were written, but the head is {head}")
    bench.results.append(_judge(turns, options.engine))
    return bench


def _take_turn(user_id: UUID, seconds: int) -> Turn:
    used, begun = time.process_time(), time.perf_counter()
    end = begun + seconds
    counts = run_together([partial(_write_until, end, user_id)] * THREADS)
    for one in counts:
        if isinstance(one, Exception):
            raise one
    count = sum(one for one in counts if isinstance(one, int))
    turn = Turn(count, time.perf_counter() - begun, time.process_time() - used)
    progress(f"one hot account: {turn.rate:.0f} writes/s")
    return turn


def _write_until(end: float, user_id: UUID) -> int:
    count = 0
    while time.perf_counter() < end:
        deadline.begin()
        record_action(user_id, action_id=None, action_type="TRANSLATE_DOG", payload=_PAYLOAD)
        release()
        deadline.end()
        count += 1
    return count


def _judge(turns: list[Turn], engine: str) -> Result:
    rate = spread([turn.rate for turn in turns])
    is_good = rate["median"] >= WANTED if engine == "postgresql" else None
    verdict = {True: "met", False: "MISSED", None: "promised of PostgreSQL only"}[is_good]
    figures: dict[str, Any] = {
        "goal": {"measure": "rate", "bound": WANTED},
        "threads": THREADS,
        "rate": rate,
        "cpu_ms": spread([turn.cpu_ms for turn in turns]),
    }
    sentence = (
        f"one hot account, {THREADS} threads: {rate['median']:.0f} writes/s"
        f" ({rate['least']:.0f} to {rate['most']:.0f}), wanted at least {WANTED}: {verdict}"
    )
    return Result("one hot account", figures, sentence, is_good)
