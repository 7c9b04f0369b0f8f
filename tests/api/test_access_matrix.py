"""Who gets what: every route, every method, everybody who could ask. A route needs a row here.

The columns are who asks. ``owner`` is the account whose object stands in the address (an action,
a sign-in, the account itself); ``other`` is another account of the same kind. The tokens of the
``disabled`` and the ``deleted`` account were not ended, which the service does in the same
transaction: they are refused for what the account is. Where the body proves who asks, it proves
the owner.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.api.access import access_of
from app.models import delete_user, get_email_token, get_epoch, release, update_user
from app.usecases import corrections, links, query_cache, reservations, spending
from app.usecases.allowances import Allowances
from app.usecases.publishing import publish
from app.usecases.query_cache import Key
from app.usecases.sessions import TokenPair, authenticate
from app.usecases.sign_ins import list_sign_ins
from app.usecases.sync.clients import note_client
from app.vocabulary import CacheScope, MailKind, Role, UserType
from tests.factories import (
    PASSWORD,
    make_admin,
    make_guest,
    make_history,
    make_learner,
    make_user,
    new_email,
)
from tests.fakes import Payment, delivery
from tests.support.mailbox import KEY
from tests.support.people import tokens_for
from tests.support.routes import CLIENT, DOCUMENT, HASH, LEARNER, address, routes
from tests.support.rows import COUNTERS, snapshot

# HEAD has the row of GET. Every address answers OPTIONS to everybody.
TABLE = """
                                      nobody malformed expired guest owner other maintainer admin disabled deleted
OPTIONS *                                200       200     200   200   200   200        200   200      200     200

GET    /healthz                          200       200     200   200   200   200        200   200      200     200
GET    /readyz                           200       200     200   200   200   200        200   200      200     200
GET    /metrics                          200       200     200   200   200   200        200   200      200     200
GET    /openapi.json                     200       200     200   200   200   200        200   200      200     200
GET    /docs                             200       200     200   200   200   200        200   200      200     200
GET    /docs/start.js                    200       200     200   200   200   200        200   200      200     200
GET    /docs/<path:name>                 200       200     200   200   200   200        200   200      200     200

POST   /api/v1/auth/register             201       401     401   201   409   409        409   409      401     401
POST   /api/v1/auth/guest                201       201     201   201   201   201        201   201      201     201
POST   /api/v1/auth/login                200       200     200   200   200   200        200   200      403     401
POST   /api/v1/auth/refresh              200       200     200   200   200   200        200   200      401     401
POST   /api/v1/auth/logout               401       401     401   204   204   204        204   204      401     401
GET    /api/v1/auth/sessions             401       401     401   200   200   200        200   200      401     401
DELETE /api/v1/auth/sessions             401       401     401   204   204   204        204   204      401     401
DELETE /api/v1/auth/sessions/<id>        401       401     401   404   204   404        404   404      401     401
POST   /api/v1/auth/password             401       401     401   403   200   200        200   200      401     401
POST   /api/v1/auth/password/forgot      200       200     200   200   200   200        200   200      200     200
POST   /api/v1/auth/password/reset       200       200     200   200   200   200        200   200      404     404
GET    /api/v1/auth/email                401       401     401   200   200   200        200   200      401     401
POST   /api/v1/auth/email/verification   401       401     401   403   200   200        200   200      401     401
POST   /api/v1/auth/email/verify         200       200     200   200   200   200        200   200      404     404

GET    /api/v1/users/me                  401       401     401   200   200   200        200   200      401     401
PATCH  /api/v1/users/me                  401       401     401   200   200   200        200   200      401     401
DELETE /api/v1/users/me                  401       401     401   204   204   204        204   204      401     401
GET    /api/v1/users/me/profile          401       401     401   200   200   200        200   200      401     401
PATCH  /api/v1/users/me/profile          401       401     401   200   200   200        200   200      401     401
GET    /api/v1/users/me/profile/preferences 401    401     401   200   200   200        200   200      401     401
GET    /api/v1/users/me/export           401       401     401   200   200   200        200   200      401     401
POST   /api/v1/users/me/erasure          401       401     401   200   200   200        200   200      401     401

GET    /api/v1/audit                     401       401     401   403   403   403        403   200      401     401
GET    /api/v1/users                     401       401     401   403   403   403        403   200      401     401
GET    /api/v1/users/<id>                401       401     401   403   403   403        403   200      401     401
PATCH  /api/v1/users/<id>                401       401     401   403   403   403        403   200      401     401
POST   /api/v1/users/<id>/erasure        401       401     401   403   403   403        403   200      401     401

GET    /api/v1/credits                   401       401     401   200   200   200        200   200      401     401
POST   /api/v1/credits/spend             401       401     401   200   200   200        200   200      401     401
GET    /api/v1/credits/transactions      401       401     401   200   200   200        200   200      401     401
GET    /api/v1/users/<id>/credits        401       401     401   403   403   403        403   200      401     401
POST   /api/v1/users/<id>/credits        401       401     401   403   403   403        403   200      401     401
POST   /api/v1/users/<id>/credits/refunds 401      401     401   403   403   403        403   200      401     401

POST   /api/v1/credits/holds             401       401     401   402   201   402        402   402      401     401
GET    /api/v1/credits/holds             401       401     401   200   200   200        200   200      401     401
GET    /api/v1/credits/holds/<id>        401       401     401   404   200   404        404   404      401     401
POST   /api/v1/credits/holds/<id>/capture 401      401     401   404   200   404        404   404      401     401
POST   /api/v1/credits/holds/<id>/release 401      401     401   404   200   404        404   404      401     401
POST   /api/v1/credits/claim             401       401     401   403   200   200        200   200      401     401

POST   /api/v1/history                   401       401     401   201   201   201        201   201      401     401
GET    /api/v1/history                   401       401     401   200   200   200        200   200      401     401
GET    /api/v1/history/<id>              401       401     401   404   200   404        404   404      401     401
PATCH  /api/v1/history/<id>              401       401     401   404   200   404        404   404      401     401
DELETE /api/v1/history/<id>              401       401     401   404   204   404        404   404      401     401

POST   /api/v1/learners                  401       401     401   201   201   201        201   201      401     401
GET    /api/v1/learners                  401       401     401   200   200   200        200   200      401     401
GET    /api/v1/learners/<learner_id>     401       401     401   404   200   404        404   404      401     401
PATCH  /api/v1/learners/<learner_id>     401       401     401   404   200   404        404   404      401     401
DELETE /api/v1/learners/<learner_id>     401       401     401   404   204   404        404   404      401     401
GET    /api/v1/learners/<learner_id>/progress 401 401 401 404 200 404 404 404 401 401
POST   /api/v1/learners/<learner_id>/words 401 401 401 404 200 404 404 404 401 401
POST   /api/v1/learners/<learner_id>/removals/words 401 401 401 404 200 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/words 401 401 401 404 200 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/words/<id> 401 401 401 404 200 404 404 404 401 401
DELETE /api/v1/learners/<learner_id>/words/<id> 401 401 401 404 204 404 404 404 401 401
POST   /api/v1/learners/<learner_id>/grammar 401 401 401 404 200 404 404 404 401 401
POST   /api/v1/learners/<learner_id>/removals/grammar 401 401 401 404 200 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/grammar 401 401 401 404 200 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/grammar/<id> 401 401 401 404 200 404 404 404 401 401
DELETE /api/v1/learners/<learner_id>/grammar/<id> 401 401 401 404 204 404 404 404 401 401
POST   /api/v1/learners/<learner_id>/cards 401 401 401 404 201 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/cards 401 401 401 404 200 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/cards/<id> 401 401 401 404 200 404 404 404 401 401
PATCH  /api/v1/learners/<learner_id>/cards/<id> 401 401 401 404 200 404 404 404 401 401
DELETE /api/v1/learners/<learner_id>/cards/<id> 401 401 401 404 204 404 404 404 401 401
POST   /api/v1/learners/<learner_id>/messages 401 401 401 404 201 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/messages 401 401 401 404 200 404 404 404 401 401
GET    /api/v1/learners/<learner_id>/messages/<id> 401 401 401 404 200 404 404 404 401 401
PATCH  /api/v1/learners/<learner_id>/messages/<id> 401 401 401 404 200 404 404 404 401 401
DELETE /api/v1/learners/<learner_id>/messages/<id> 401 401 401 404 204 404 404 404 401 401

GET    /api/v1/sync                      401       401     401   200   200   200        200   200      401     401
POST   /api/v1/sync                      401       401     401   200   200   200        200   200      401     401
GET    /api/v1/sync/checksum             401       401     401   200   200   200        200   200      401     401
GET    /api/v1/sync/clients              401       401     401   200   200   200        200   200      401     401
DELETE /api/v1/sync/clients/<client_id>  401       401     401   404   204   404        404   404      401     401

GET    /api/v1/query-cache/<hash>        200       200     200   200   200   200        200   200      200     200
PUT    /api/v1/query-cache/<hash>        401       401     401   201   200   201        201   201      401     401
DELETE /api/v1/query-cache/<hash>        401       401     401   204   204   204        204   204      401     401

GET    /api/v1/consents                  401       401     401   403   403   403        403   200      401     401
GET    /api/v1/consents/me               401       401     401   200   200   200        200   200      401     401
PUT    /api/v1/consents/me               401       401     401   200   200   200        200   200      401     401
GET    /api/v1/consents/me/history       401       401     401   200   200   200        200   200      401     401
GET    /api/v1/consents/me/receipt       401       401     401   200   200   200        200   200      401     401
GET    /api/v1/consents/documents        200       200     200   200   200   200        200   200      200     200
GET    /api/v1/consents/documents/<document>/<version>/<language> 200 200 200 200 200   200        200   200      200     200

GET    /api/v1/billing/packages          401       401     401   200   200   200        200   200      401     401
POST   /api/v1/billing/checkout          401       401     401   201   201   201        201   201      401     401
GET    /api/v1/billing/transactions      401       401     401   200   200   200        200   200      401     401
POST   /api/v1/webhooks/stripe           200       200     200   200   200   200        200   200      200     200
"""  # noqa: E501 - a table


def read_table() -> tuple[list[str], dict[str, dict[str, int]]]:
    """Return the columns, and for each route the status that each of them gets."""
    first, *lines = filter(None, (line.strip() for line in TABLE.splitlines()))
    columns = first.split()
    rows = {}
    for line in lines:
        method, path, *statuses = line.split()
        row = dict(zip(columns, map(int, statuses), strict=True))
        rows[f"{method} {path}"] = row
        if method == "GET":
            rows[f"HEAD {path}"] = row
    return columns, rows


COLUMNS, ROWS = read_table()
OTHER_PASSWORD = "eight yellow umbrellas"


@dataclass
class Scene:
    """Somebody who asks, and the account whose things they ask for."""

    who: str
    owner: dict[str, Any] = field(default_factory=make_user)

    def __post_init__(self) -> None:
        self.action = make_history(self.owner["id"])
        self.belongings = make_learner(self.owner["id"], LEARNER)
        publish(*DOCUMENT.values(), body="We keep little.")
        self.pair = tokens_for(self.owner)
        for key in (Key.public(HASH), Key(self.owner["id"], CacheScope.USER, HASH)):
            query_cache.put(key, {"answer": 42}, ttl=60)
        self.token = self._token()
        self.spend_id = spend_for(self.owner)
        self.hold = hold_for(self.owner)
        note_client(self.owner["id"], CLIENT, acked=0, epoch=get_epoch(), at=clock.now())
        self.guest_token = tokens_for(make_guest()).access_token
        self.sign_in = list_sign_ins(authenticate(self.pair.access_token))[0].id
        self.links = {purpose: self._link(purpose) for purpose in MailKind}
        if self.who == "disabled":
            update_user(self.owner["id"], is_active=False)
        if self.who == "deleted":
            delete_user(self.owner["id"])
        release()

    def _token(self) -> str | None:
        makers: dict[str, Callable[[], TokenPair]] = {
            "expired": self._expired_tokens,
            "guest": partial(
                self._tokens, email=None, password_hash=None, user_type=UserType.GUEST
            ),
            "other": self._tokens,
            "maintainer": partial(self._tokens, role=Role.MAINTAINER),
            "admin": partial(self._tokens, role=Role.ADMIN),
        }
        if self.who == "nobody":
            return None
        if self.who == "malformed":
            return self.pair.access_token[:-1]
        return makers.get(self.who, lambda: self.pair)().access_token

    def _tokens(self, **columns: Any) -> TokenPair:
        return tokens_for(make_user(**columns))

    def _expired_tokens(self) -> TokenPair:
        with clock.frozen(clock.now() - timedelta(hours=1)):
            return tokens_for(self.owner)

    def _link(self, purpose: MailKind) -> str | None:
        links.send_link(self.owner["id"], purpose, key=KEY)
        return links.find_secret(get_email_token(self.owner["id"], purpose) or {}, [KEY])

    def identifier(self, path: str) -> object:
        """Return what stands in an address for the owner's thing."""
        if path.startswith("/api/v1/users/"):
            return self.owner["id"]
        if "/holds/" in path:
            return self.hold
        for kind, belonging in self.belongings.items():
            if f"/{kind}/<id>" in path:
                return belonging
        return self.sign_in if "/sessions/" in path else self.action["id"]


BODIES: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "POST /api/v1/auth/register": lambda _: {"email": new_email(), "password": PASSWORD},
    "POST /api/v1/auth/login": lambda scene: {
        "email": scene.owner["email"], "password": PASSWORD,
    },
    "POST /api/v1/auth/refresh": lambda scene: {"refresh_token": scene.pair.refresh_token},
    "POST /api/v1/auth/password": lambda _: {
        "current_password": PASSWORD, "new_password": OTHER_PASSWORD,
    },
    "POST /api/v1/auth/password/forgot": lambda scene: {"email": scene.owner["email"]},
    "POST /api/v1/auth/password/reset": lambda scene: {
        "token": scene.links[MailKind.PASSWORD_RESET], "new_password": OTHER_PASSWORD,
    },
    "POST /api/v1/auth/email/verify": lambda scene: {
        "token": scene.links[MailKind.EMAIL_VERIFICATION],
    },
    "POST /api/v1/users/me/erasure": lambda _: {"password": PASSWORD},
    "PATCH /api/v1/users/me": lambda _: {"full_name": "New"},
    "PATCH /api/v1/users/me/profile": lambda _: {"display_name": "New"},
    "PATCH /api/v1/users/<id>": lambda _: {"role": "maintainer"},
    "PUT /api/v1/consents/me": lambda _: {"terms_accepted": False, "marketing_consent": True},
    "POST /api/v1/credits/spend": lambda _: {"amount": 1},
    "POST /api/v1/credits/holds": lambda _: {"amount": 1},
    "POST /api/v1/credits/holds/<id>/capture": lambda _: {"amount": 2},
    "POST /api/v1/credits/claim": lambda scene: {"guest_token": scene.guest_token},
    "POST /api/v1/users/<id>/credits": lambda _: {"amount": 5, "reason": "New"},
    "POST /api/v1/users/<id>/credits/refunds": lambda scene: {
        "spend_id": str(scene.spend_id), "reason": "New",
    },
    "POST /api/v1/history": lambda _: {"action_type": "A", "payload": {}},
    "PATCH /api/v1/history/<id>": lambda _: {"action_type": "B"},
    "POST /api/v1/learners": lambda _: {"name": "Bert"},
    "PATCH /api/v1/learners/<learner_id>": lambda _: {"name": "Anne"},
    "POST /api/v1/learners/<learner_id>/words": lambda _: {"language": "zh", "words": ["好", "不"]},
    "POST /api/v1/learners/<learner_id>/removals/words": lambda _: {
        "words": [{"word": "好", "language": "zh"}, {"word": "none", "language": "en"}],
    },
    "POST /api/v1/learners/<learner_id>/grammar": lambda _: {"grammar": ["http://e/a", "http://e/b"]},
    "POST /api/v1/learners/<learner_id>/removals/grammar": lambda _: {
        "grammar": [{"grammar_uri": "http://e/a"}, "http://e/none"],
    },
    "POST /api/v1/learners/<learner_id>/cards": lambda _: {
        "card_type": "basic", "content": {"front": "好"},
    },
    "PATCH /api/v1/learners/<learner_id>/cards/<id>": lambda _: {"status": "approved"},
    "POST /api/v1/learners/<learner_id>/messages": lambda _: {"role": "user", "content": "好"},
    "PATCH /api/v1/learners/<learner_id>/messages/<id>": lambda _: {"content": "不"},
    "POST /api/v1/sync": lambda scene: {
        "client_id": "phone",
        "mutations": [
            {"mutation_id": "1", "table": "history", "op": "upsert", "id": str(uuid4()),
             "fields": {"action_type": "A", "payload": {}}},
            {"mutation_id": "2", "table": "profiles", "op": "upsert", "id": str(scene.owner["id"]),
             "fields": {"display_name": "New"}},
            {"mutation_id": "3", "table": "history", "op": "delete", "id": str(uuid4())},
        ],
    },
    "PUT /api/v1/query-cache/<hash>": lambda _: {"result": {"answer": 43}, "ttl": 60},
    "POST /api/v1/billing/checkout": lambda _: {"credits": 100},
}  # fmt: skip


def spend_for(user: dict[str, Any]) -> UUID:
    """Let somebody spend the allowance of the day and some of their prepaid credits."""
    owner = Allowances(user=20, guest=5).owner(user["id"], user["user_type"])
    corrections.grant(owner, 10, reason="For tests")
    return spending.spend(owner, 21).spend_id


def hold_for(user: dict[str, Any]) -> UUID:
    """Set some of somebody's prepaid credits aside."""
    lifetime = timedelta(minutes=15)
    hold = reservations.reserve(user["id"], 3, reason="For tests", lifetime=lifetime)
    hold_id: UUID = hold["id"]
    return hold_id


QUERIES = {"GET /api/v1/query-cache/<hash>": "scope=public"}
QUERIES |= {f"HEAD{route[3:]}": query for route, query in QUERIES.items()}
"""What else an address needs to be for everybody."""


SIGNED: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "POST /api/v1/webhooks/stripe": lambda scene: delivery(Payment(scene.owner["id"]).paid()),
}
"""What is proven by a signature of its body."""


def options_of(scene: Scene, route: str) -> dict[str, Any]:
    """Return what is sent to the address of one cell."""
    options = SIGNED[route](scene) if route in SIGNED else {"headers": {}}
    if route in BODIES:
        options["json"] = BODIES[route](scene)
    if scene.token:
        options["headers"]["Authorization"] = f"Bearer {scene.token}"
    return options | {"query_string": QUERIES.get(route)}


def ask(client: FlaskClient, scene: Scene, route: str) -> int:
    """Send the request of one cell; return its status."""
    method, path = route.split()
    where = address(path, scene.identifier(path))
    with client.open(where, method=method, **options_of(scene, route)) as answer:
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json", route
        if method in ("HEAD", "OPTIONS"):
            assert answer.data == b"", route
        return answer.status_code


def test_every_route_and_method_has_a_row_and_every_row_a_route(app: Flask) -> None:
    served = {"OPTIONS *" if route.startswith("OPTIONS ") else route for route in routes(app)}

    assert set(ROWS) == served


def test_every_address_answers_options(app: Flask) -> None:
    answering = {route.split()[1] for route in routes(app) if route.startswith("OPTIONS ")}

    assert answering == {rule.rule for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize("who", COLUMNS)
def test_everybody_gets_what_the_table_says(app: Flask, client: FlaskClient, who: str) -> None:
    make_admin()  # Whoever is the last administrator could not leave.
    bystander = Scene(who)
    expected, found = {}, {}
    for route in routes(app):
        method = route.split()[0]
        is_safe = method in ("GET", "HEAD", "OPTIONS")
        row = "OPTIONS *" if method == "OPTIONS" else route
        expected[route] = ROWS[row][who]

        found[route] = ask(client, bystander if is_safe else Scene(who), route)

    assert found == expected


@pytest.mark.parametrize("who", COLUMNS)
def test_whoever_is_refused_changes_nothing(app: Flask, client: FlaskClient, who: str) -> None:
    make_admin()
    scene = Scene(who)
    before = snapshot(without=COUNTERS)

    changed = []
    for route in routes(app):
        if ROWS.get(route, {}).get(who, 200) < 400:
            continue
        ask(client, scene, route)
        if snapshot(without=COUNTERS) != before:
            changed.append(route)

    assert changed == []


def test_table_agrees_with_what_each_route_declares(app: Flask) -> None:
    declared, told = {}, {}
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"OPTIONS"}:
            row = ROWS[f"{method} {rule.rule}"]
            declared[method, rule.rule] = access_of(app.view_functions[rule.endpoint])
            told[method, rule.rule] = _level_of(row)

    assert told == declared


def _level_of(row: dict[str, int]) -> str:
    """Return the level of which a row tells: whom it lets in."""
    if row["nobody"] < 400:
        return "public"
    if row["maintainer"] == 403:
        return "admin"
    return "maintainer" if row["other"] == 403 else "user"
