"""The requests that are measured over HTTP, who sends them, and what they find in the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa

from scripts.bench.accounts import Person
from scripts.bench.frame import Turn
from scripts.bench.servers import Load

ACCOUNTS: Final = 1_000
READERS: Final = 20
ROWS: Final = 5_000
"""How long the history of a reader is."""

_HISTORY: Final = sa.text("""
    INSERT INTO history
        (user_id, id, action_type, payload, created_at, updated_at, is_deleted, version)
    SELECT :user_id, gen_random_uuid(), 'TRANSLATE_DOG',
        jsonb_build_object('text', md5(n::text), 'mood', n % 7), at, at, false, n
    FROM (SELECT n, now() - make_interval(mins => :rows - n) + interval '1 microsecond' * (n % 7)
          AS at FROM generate_series(1, :rows) AS n) AS actions""")
_HEADS: Final = """
    INSERT INTO sync_heads (user_id, version, epoch, floor, changed_at)
    SELECT users.id, coalesce(max(history.version), 0), gen_random_uuid(), 0, '1970-01-01Z'
    FROM users LEFT JOIN history ON history.user_id = users.id GROUP BY users.id"""


@dataclass(frozen=True, slots=True)
class Route:
    """A request.

    Attributes:
        name: What it does.
        path: Where.
        crowd: Who sends it: ``all``, or ``readers``, who have a long history.
        method: How.
        status: What the answer must be.
    """

    name: str
    path: str
    crowd: Literal["all", "readers"]
    method: Literal["GET", "POST"] = "GET"
    status: int = 200

    def fits(self, contestant: str) -> bool:
        """Tell whether a contestant can be asked: who commits each statement stores no action."""
        return self.method == "GET" or not contestant.endswith("autocommit")

    def body_of(self, contestant: str) -> str:
        """Return what is sent to a contestant: of one length, so that rows tell who wrote them."""
        if self.method == "GET":
            return ""
        payload = {"text": "wuff", "mood": 3}
        return json.dumps({"action_type": kind_of(contestant), "payload": payload})


STORE: Final = Route("store an action", "/api/v1/history", "all", "POST", 201)
ROUTES: Final = (
    Route("read a user", "/api/v1/users/me", "all"),
    Route(f"list 20 of {ROWS:,} actions", "/api/v1/history", "readers"),
    STORE,
)


def kind_of(contestant: str) -> str:
    """Return the type of the actions that a contestant stores."""
    return f"BENCH_{contestant.upper():_<20}"


@dataclass
class Tally:
    """A load that knows how many requests were answered in all its turns."""

    load: Load
    answered: int = 0

    @property
    def name(self) -> str:
        """Who is asked."""
        return self.load.name

    def take_turn(self, seconds: int) -> Turn:
        """Ask for so long."""
        turn = self.load.take_turn(seconds)
        self.answered += turn.count
        return turn


def fill_histories(url: str, people: Sequence[Person]) -> None:
    """Store a long history for each."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for person in people:
            connection.execute(_HISTORY, {"user_id": person.user_id, "rows": ROWS})


def open_heads(url: str) -> None:
    """Give every account the head of its versions, which its first write would make."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(_HEADS)
        connection.exec_driver_sql("ANALYZE")
