"""Every statement of every writing route fails once, before and after the database has run it.

The connection breaks under the driver. Then the client does what clients do: it sends the request
again if it was told to. Whatever breaks, the effect is there exactly once: the rows are those of a
request that met no fault. Only where the answer said that the outcome is unknown, and the route
takes no key, they may be those of a request that was sent twice.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.db.models import metadata
from app.models import get_database, get_db, release
from app.vocabulary import Bucket, HoldState
from bilayer.urls import parse_url
from tests.api.test_access_matrix import ROWS, Scene, options_of
from tests.factories import make_admin
from tests.fakes import Payment, StripeServer, delivery, stripe_settings
from tests.support.people import tokens_for
from tests.support.routes import address, routes
from tests.support.rows import COUNTERS
from tests.support.service import connected, settings_for

Phase = Literal["before", "after"]
Rows = Counter[tuple[Any, ...]]
Telling = Callable[[Payment], dict[str, Any]]
Tables = dict[str, dict[tuple[Any, ...], dict[str, Any]]]

TABLES = metadata.sorted_tables
# Numbers of the tables that have rows.
FILLED = sa.union_all(
    *(
        sa.select(sa.literal(number)).where(sa.exists(sa.select(sa.literal(1)).select_from(table)))
        for number, table in enumerate(TABLES)
    )
)
MOST_STATEMENTS = 100
WRITES = ("INSERT", "UPDATE", "DELETE")
# What it makes is Stripe's to keep.
WRITES_NOTHING = ("POST /api/v1/billing/checkout",)
# Grammar is kept by the code of words, a message by that of cards, and each is deleted by it.
ANNA = "/api/v1/learners/<learner_id>"
SAME_CODE = (
    f"POST {ANNA}/grammar",
    f"POST {ANNA}/removals/grammar",
    f"DELETE {ANNA}/grammar/<id>",
    f"DELETE {ANNA}/words/<id>",
    f"POST {ANNA}/messages",
    f"PATCH {ANNA}/messages/<id>",
    f"DELETE {ANNA}/messages/<id>",
)
UNTRIED = (*WRITES_NOTHING, *SAME_CODE)
WRITING = sorted(
    route
    for route in ROWS
    if "/api/" in route and route.split()[0] not in ("GET", "HEAD") and route not in UNTRIED
)
WEBHOOK = "POST /api/v1/webhooks/stripe"
# What finds out by itself whether it was committed.
DECIDED = ("POST /api/v1/sync",)
# What Stripe has told of a payment before, and what it tells now. The route itself hears of one.
TOLD_OF_PAYMENTS: dict[str, tuple[tuple[Telling, ...], Telling]] = {
    "refund": ((Payment.paid,), lambda payment: payment.refunded(500)),
    "refund before its purchase": ((), lambda payment: payment.refunded(500)),
    "purchase after its refund": ((lambda payment: payment.refunded(500),), Payment.paid),
    "dispute that is won": (
        (Payment.paid, lambda payment: payment.dispute("needs_response")),
        lambda payment: payment.dispute("won"),
    ),
}
# A scene has been sent every mail before.
MAILING = ("POST /api/v1/auth/email/verification", "POST /api/v1/auth/password/forgot")
# What these say is compared; of other text only that it is there, because it is random or secret.
TOLD = frozenset({"role", "user_type", "action_type", "full_name", "display_name", "kind"})
TOLD |= {"bucket", "transaction_type", "state", "status", "type", "reason"}


@pytest.fixture
def app(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stripe: StripeServer
) -> Iterator[Flask]:
    """The whole application on a migrated, empty database."""
    # Nobody is there to be waited for before the next try.
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
    settings = settings_for(database_url, tmp_path, **stripe_settings(stripe.url))
    with connected(settings):
        yield create_app(settings)


class Scenery:
    """Somebody and their things, put back before each request as they were.

    Attributes:
        route: What is asked for.
        scene: Who asks.
    """

    def __init__(self, route: str, database_url: str) -> None:
        self.route = route
        make_admin()  # Whoever is the last administrator could not leave.
        allowed = ROWS[route]
        self.scene = Scene(next(who for who in ("owner", "admin", "nobody") if allowed[who] < 400))
        tokens_for(self.scene.owner)  # Another device.
        if route in MAILING:
            forget_mails()
        release()
        self._database = sa.create_engine(parse_url(database_url), pool_size=1)
        self._before = self._present = self._read()

    def make_options(self) -> dict[str, Any]:
        """Return what is sent beside method and address."""
        return options_of(self.scene, self.route)

    def put_back(self) -> None:
        """Let the database have the rows again that it had."""
        with self._database.begin() as connection:
            for table in reversed(TABLES):
                for key in self._present[table.name].keys() - self._before[table.name].keys():
                    connection.execute(table.delete().where(is_row(table, key)))
            for table in TABLES:
                present = self._present[table.name]
                for key, row in self._before[table.name].items():
                    if key not in present:
                        connection.execute(table.insert().values(row))
                    elif row != present[key]:
                        connection.execute(table.update().where(is_row(table, key)).values(row))
        # What breaks here is no outage.
        get_database()._adapter.guard.breaker.renew()

    def effect(self) -> tuple[Rows, Rows]:
        """Return the rows that are there now and were not before, and those that are gone."""
        self._present = self._read()
        assert find_differences(self._present) == {}
        before, after = comparable(self._before), comparable(self._present)
        return after - before, before - after

    def close(self) -> None:
        """Hang up."""
        self._database.dispose()

    def _read(self) -> Tables:
        """Return all rows by their keys. Most tables are empty; one query finds the others."""
        tables: Tables = {table.name: {} for table in TABLES}
        with self._database.begin() as connection:
            for number in connection.execute(FILLED).scalars().all():
                table = TABLES[number]
                for row in connection.execute(sa.select(table)).mappings():
                    key = tuple(row[column.name] for column in table.primary_key)
                    tables[table.name][key] = dict(row)
        return tables


class PaymentScenery(Scenery):
    """A payment of which Stripe has told something, and tells more."""

    def __init__(self, case: str, client: FlaskClient, database_url: str) -> None:
        before, self._telling = TOLD_OF_PAYMENTS[case]
        super().__init__(WEBHOOK, database_url)
        self._payment = Payment(self.scene.owner["id"])
        for telling in before:
            answer = client.post(WEBHOOK.split()[1], **delivery(telling(self._payment)))
            assert answer.status_code == 200
        self._before = self._present = self._read()

    def make_options(self) -> dict[str, Any]:
        """Return a delivery of the event."""
        return delivery(self._telling(self._payment))


@dataclass
class Trial:
    """One request, sent until it is answered for good.

    Attributes:
        statuses: What each sending was answered.
        was_unknown: An answer said that nobody knows.
    """

    client: FlaskClient
    scenery: Scenery
    statuses: list[int] = field(default_factory=list)
    was_unknown: bool = False

    def __post_init__(self) -> None:
        self.scenery.put_back()
        self._options = self.scenery.make_options()
        self._options["headers"]["Idempotency-Key"] = str(uuid4())

    def send(self) -> TestResponse:
        """Send it, again if it was sent before."""
        method, path = self.scenery.route.split()
        where = address(path, self.scenery.scene.identifier(path))
        answer = self.client.open(where, method=method, **self._options)
        self.statuses.append(answer.status_code)
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            self.was_unknown |= answer.json["code"] == "OUTCOME_UNKNOWN"
        return answer

    def effect(self) -> tuple[Rows, Rows]:
        """Return what has changed since it was sent the first time."""
        return self.scenery.effect()


class Saboteur:
    """Breaks the connection under one statement of those that are sent.

    Attributes:
        has_struck: It did.
        loose: Writes that no transaction held; nobody could try them again.
    """

    def __init__(self, number: int, phase: Phase) -> None:
        self._left = number
        self._phase = phase
        self._adapter = get_database()._adapter
        self.has_struck = False
        self.loose: list[str] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Strike until the block ends."""
        send = self._adapter.send
        self._adapter.send = self._sabotaged(send)
        try:
            yield
        finally:
            self._adapter.send = send

    def _sabotaged(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def sabotaged(cursor: Any, sql: str, parameters: Any) -> Any:
            if sql.startswith(WRITES) and not self._adapter.session.depth:
                self.loose.append(sql)
            self._left -= 1
            if self._left == 0:
                self.has_struck = True
                if self._phase == "after":
                    send(cursor, sql, parameters)
                self._hang_up()
            return send(cursor, sql, parameters)  # The driver finds out by itself.

        return sabotaged

    def _hang_up(self) -> None:
        connection = self._adapter.session.connection.dbapi_connection
        if get_database().engine_name == "sqlite":
            connection.close()
        else:
            self._adapter.cut(connection)


def forget_mails() -> None:
    """Delete the mails of everybody, sent and unsent."""
    db = get_db()
    for table in (db.email_tokens, db.mail_outbox):
        db(table).delete()


def is_row(table: sa.Table, key: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == value for column, value in zip(table.primary_key, key, strict=True)))


def comparable(tables: Tables) -> Rows:
    """Return all rows without what differs from one run to the next."""
    return Counter(
        (table, *((name, told(name, value)) for name, value in row.items()))
        for table, rows in tables.items()
        if table not in COUNTERS
        for row in rows.values()
    )


def find_differences(tables: Tables) -> dict[str, tuple[int, int]]:
    """Return what balances and ledger say of everybody's credits, where they differ."""
    accounts, ledger = tables["credit_accounts"].values(), tables["credit_transactions"].values()
    said = {
        "daily": sum(row["available_credits"] for row in tables["user_credits"].values()),
        "prepaid": sum(row["credits_balance"] for row in accounts),
        "debt": sum(row["debt"] for row in accounts),
        "held": sum(row["held"] for row in accounts),
    }
    written = {
        bucket: sum(row["amount"] for row in ledger if row["bucket"] == bucket) for bucket in Bucket
    }
    holds = tables["credit_holds"].values()
    written["held"] = sum(row["amount"] for row in holds if row["state"] == HoldState.OPEN)
    return {name: (said[name], written[name]) for name in said if said[name] != written[name]}


def told(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps({key: told(key, member) for key, member in value.items()}, sort_keys=True)
    if isinstance(value, list):
        return json.dumps([told(name, item) for item in value])
    if name == "attempts":  # However often it took.
        return "int"
    is_random = isinstance(value, UUID | datetime) or (isinstance(value, str) and name not in TOLD)
    return type(value).__name__ if is_random else value


def break_every_statement(client: FlaskClient, scenery: Scenery, phase: Phase) -> None:
    """Send the request again and again, each time with a fault one statement further on."""
    trial = Trial(client, scenery)
    trial.send()
    once = trial.effect()
    trial.send()
    twice = trial.effect()
    first, second = trial.statuses
    assert first < 300
    assert once != (Counter(), Counter())

    for number in count(1):
        trial = Trial(client, scenery)
        saboteur = Saboteur(number, phase)
        with saboteur.at_work():
            trial.send()
        if trial.statuses == [503]:
            trial.send()
        point = f"statement {number}: {trial.statuses}"

        assert saboteur.loose == []
        assert trial.statuses in ([first], [503, first]) or (
            trial.was_unknown and trial.statuses == [503, second]
        ), point
        assert not (trial.was_unknown and scenery.route in DECIDED), point
        effect = trial.effect()
        assert effect == once or (trial.was_unknown and effect == twice), point
        if not saboteur.has_struck:
            break
        assert number < MOST_STATEMENTS
    scenery.close()


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("route", WRITING)
def test_effect_is_there_once_wherever_the_connection_breaks(
    app: Flask, database_url: str, route: str, phase: Phase
) -> None:
    scenery = Scenery(route, database_url)

    break_every_statement(app.test_client(), scenery, phase)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("case", TOLD_OF_PAYMENTS)
def test_event_counts_once_wherever_the_connection_breaks(
    app: Flask, database_url: str, case: str, phase: Phase
) -> None:
    client = app.test_client()
    scenery = PaymentScenery(case, client, database_url)

    break_every_statement(client, scenery, phase)


def test_every_writing_route_is_tried(app: Flask) -> None:
    writing = {
        route
        for route in routes(app)
        if "/api/" in route and route.split()[0] not in ("GET", "HEAD", "OPTIONS")
    }

    assert {*WRITING, *UNTRIED} == writing
