"""Credits under 32 threads at once, on every engine: none may be lost, made or counted twice.

Calls the use cases, as requests do. While a race runs, the books are read again and again, and must
be right at every read. Whoever meets a database that is too busy tries again, as a client would.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from app import clock
from app.errors import AppError
from app.log import configure_logging
from app.models import release
from app.usecases.allowances import Allowances, Owner
from app.usecases.books import check_account
from app.usecases.claims import claim_guest
from app.usecases.corrections import grant, refund_spend
from app.usecases.holds import USUAL, capture_hold, place_hold, release_hold
from app.usecases.spending import spend
from app.usecases.wallet import credits_of
from bilayer.runtime.errors import DatabaseError
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, Options, Result, progress
from tests.factories import make_guest, make_user
from tests.support.people import tokens_for
from tests.support.run import Run
from tests.support.service import connected, settings_for
from tests.support.threads import run_together

THREADS = 32
_ALLOWANCES = Allowances(user=20, guest=5)
_MIDNIGHT = datetime(2026, 3, 29, tzinfo=UTC)
_TRIES = 100


@dataclass
class Race:
    """What has happened in a race.

    Attributes:
        expected: How often each thing must have happened.
        counts: How often what happened: ``done``, or the code of a refusal.
        reads: How often the books were read meanwhile.
        differences: What was wrong in them.
    """

    expected: dict[str, int]
    counts: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether everything is as it must be."""
        found = {name: self.counts[name] for name in self.expected}
        return found == self.expected and not self.differences

    def run(self, *, actions: Sequence[Callable[[], object]], owners: list[UUID]) -> None:
        """Share actions among the threads, let them go at once, and watch the books."""
        shares = [actions[first::THREADS] for first in range(THREADS)]
        with self._watched(owners):
            for outcome in run_together([partial(self._act, share) for share in shares]):
                if isinstance(outcome, Exception):
                    raise outcome
                self.counts.update(outcome)
        self.read_books(owners)

    def read_books(self, owners: list[UUID]) -> None:
        """Read the books of some accounts, and keep what is wrong in them."""
        for owner in owners:
            try:
                found = check_account(owner).differences
            except DatabaseError:  # Busy with those who race.
                continue
            self.reads += 1
            self.differences += map(str, found)

    def _act(self, actions: Sequence[Callable[[], object]]) -> Counter[str]:
        done: Counter[str] = Counter()
        for action in actions:
            done.update(_attempt(action))
        return done

    @contextmanager
    def _watched(self, owners: list[UUID]) -> Iterator[None]:
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.is_set():
                self.read_books(owners)
                release()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()


def measure(run: Run, options: Options) -> Bench:
    """Run every race on every engine that was asked for."""
    configure_logging("error")
    bench = Bench("wallet-races")
    for engine in options.engines:
        with new_database(run, engine) as url, tempfile.TemporaryDirectory() as folder:
            bench.facts[engine] = describe_server(url)
            with connected(settings_for(url, Path(folder))):
                for name, race in RACES.items():
                    bench.results.append(_repeat(f"{engine}, {name}", race, options.rounds))
    return bench


def race_spends() -> Race:
    """Spend from one balance of 100, three times what it has."""
    owner = _owner(prepaid=100)
    race = Race({"done": 100, "INSUFFICIENT_CREDITS": 220})
    race.run(actions=[partial(spend, owner, 1)] * 320, owners=[owner.user_id])
    return race


def race_midnight() -> Race:
    """Spend at the first moment of a day, when the allowance of 20 is to be filled, once."""
    with clock.frozen(_MIDNIGHT - timedelta(hours=1)):
        owner = _owner(prepaid=0)
    race = Race({"done": 20, "INSUFFICIENT_CREDITS": 76})
    with clock.frozen(_MIDNIGHT):
        race.run(actions=[partial(spend, owner, 1)] * 96, owners=[owner.user_id])
    return race


def race_holds() -> Race:
    """Set 10 of 100 aside, three times as often as there is room; then end each hold twice."""
    owner = _owner(prepaid=100)
    held: list[UUID] = []

    def hold() -> None:
        row = place_hold(owner.user_id, 10, reason=None, lifetime=USUAL, at=clock.now())
        held.append(row["id"])

    race = Race({"done": 20, "INSUFFICIENT_CREDITS": 22})
    race.run(actions=[hold] * 32, owners=[owner.user_id])
    ends: list[Callable[[], object]] = []
    for hold_id in held:
        ends.append(partial(capture_hold, owner.user_id, hold_id, 4, clock.now()))
        ends.append(partial(release_hold, owner.user_id, hold_id, clock.now()))
    race.run(actions=ends, owners=[owner.user_id])
    return race


def race_claims() -> Race:
    """Let 32 accounts claim one guest with 100 credits."""
    guest = make_guest()
    token = tokens_for(guest).access_token
    guest_owner = _ALLOWANCES.owner(guest["id"], guest["user_type"])
    grant(guest_owner, 100, reason="bench")
    owners = [_new_owner() for _ in range(THREADS)]
    race = Race({"done": 1, "credits": 100})
    claims = [partial(claim_guest, owner, token) for owner in owners]
    race.run(actions=claims, owners=[guest["id"]])
    for owner in owners:
        race.counts["credits"] += credits_of(owner).prepaid.balance
        race.read_books([owner.user_id])
    release()
    return race


def race_refunds() -> Race:
    """Refund one spend 32 times."""
    owner = _owner(prepaid=100)
    spend_id = spend(owner, 60).spend_id
    race = Race({"done": 1, "ALREADY_REFUNDED": 31, "credits": 100})
    refund = partial(refund_spend, owner, spend_id, reason="bench")
    race.run(actions=[refund] * THREADS, owners=[owner.user_id])
    race.counts["credits"] = credits_of(owner).total
    release()
    return race


RACES: dict[str, Callable[[], Race]] = {
    "spends": race_spends,
    "midnight": race_midnight,
    "holds": race_holds,
    "claims": race_claims,
    "refunds": race_refunds,
}


def _repeat(name: str, race: Callable[[], Race], rounds: int) -> Result:
    """Run a race several times; one that goes wrong is enough."""
    races = []
    for number in range(1, rounds + 1):
        races.append(race())
        progress(f"{name}: round {number} of {rounds}: {dict(races[-1].counts)}")
    wrong = [one for one in races if not one.is_right]
    shown = wrong[0] if wrong else races[-1]
    reads = sum(one.reads for one in races)
    figures: dict[str, Any] = {
        "threads": THREADS,
        "rounds": rounds,
        "wrong": len(wrong),
        "expected": shown.expected,
        "counts": dict(shown.counts),
        "reads": reads,
        "differences": shown.differences,
    }
    counts = ", ".join(f"{count} {what}" for what, count in sorted(shown.counts.items()) if count)
    verdict = f"WRONG in {len(wrong)}, expected {shown.expected}" if wrong else "right"
    sentence = f"{name}: {counts}; {reads} reads of the books; {rounds} rounds: {verdict}"
    return Result(name, figures, sentence, not wrong)


def _attempt(action: Callable[[], object]) -> Counter[str]:
    """Do something until it is done or refused; tell which, and how often it had to wait."""
    busy = 0
    while True:
        try:
            action()
        except AppError as refusal:
            return Counter({refusal.code: 1, "busy": busy})
        except DatabaseError:
            release()
            busy += 1
            if busy >= _TRIES:
                raise
        else:
            return Counter({"done": 1, "busy": busy})


def _new_owner() -> Owner:
    user = make_user()
    return _ALLOWANCES.owner(user["id"], user["user_type"])


def _owner(*, prepaid: int) -> Owner:
    """Make an account that has spent the credits of its day."""
    owner = _new_owner()
    spend(owner, _ALLOWANCES.user)
    if prepaid:
        grant(owner, prepaid, reason="bench")
    release()
    return owner
