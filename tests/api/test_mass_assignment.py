"""Columns are not fields: what a route does not read is refused by name, and changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel
from werkzeug.test import TestResponse

from app.api.errors import MAX_FIELD_ERRORS
from app.api.query import MAX_PARAMETERS
from app.db.models import metadata
from app.models import get_db, list_synced
from tests.api.test_access_matrix import BODIES, Scene, options_of
from tests.factories import make_admin
from tests.support.people import document, flaws, person, problem
from tests.support.routes import address, models, routes
from tests.support.rows import snapshot

COLUMNS = sorted({column.name for table in metadata.tables.values() for column in table.columns})
ODD = [
    *("__class__", "__dict__", "__proto__", "constructor", "prototype", "_id", "self", "cls"),
    *("model_config", "model_fields_set", "model_extra", "changes", "args", "kwargs"),
    *("$set", "$ne", "user.role", "users.role", "user[role]", "role[]", "Role", "ROLE", " role"),
    *("role ", "rolе", "is_admin", "admin", "permissions", "*", "", "0", "payload.user_id"),
]
WRITING = sorted(BODIES)


def readable(model: type[BaseModel] | None) -> set[str]:
    """Return the names that a model reads, by whatever spelling."""
    fields = model.model_fields if model else {}
    return {*fields, *(field.alias for field in fields.values() if field.alias)}


def nested(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and those inside it."""
    yield model
    for definition in model.model_fields.values():
        annotation = definition.annotation
        for kind in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from nested(kind)


@pytest.fixture
def scene(app: Flask) -> Scene:
    """An administrator, so that no right is missing, who owns some things."""
    return Scene("owner", owner=make_admin())


def send(client: FlaskClient, scene: Scene, route: str, further: dict[str, Any]) -> TestResponse:
    """Send what a route reads, and further fields."""
    method, path = route.split()
    return client.open(
        address(path, scene.identifier(path)),
        method=method,
        headers={"Authorization": f"Bearer {scene.token}"},
        json=BODIES[route](scene) | further,
    )


def test_every_writing_route_has_a_valid_body_here(app: Flask) -> None:
    writing = {
        route
        for route in routes(app)
        if route.split()[0] not in ("GET", "HEAD", "OPTIONS") and "body" in models(app, route)
    }

    assert set(WRITING) == writing


def test_every_schema_forbids_what_it_does_not_name(app: Flask) -> None:
    open_schemas = {
        (route, part, model.__name__)
        for route in routes(app)
        if "/api/" in route and not route.startswith("OPTIONS ")
        for part, schema in models(app, route).items()
        for model in nested(schema)
        if model.model_config.get("extra") != "forbid"
    }

    assert open_schemas == set()


def test_description_of_every_body_forbids_further_properties(app: Flask) -> None:
    description = document(app.test_client().get("/openapi.json"))
    schemas = description["components"]["schemas"]
    bodies = [
        content["schema"]["$ref"].rpartition("/")[2]
        for methods in description["paths"].values()
        for operation in methods.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]

    assert len(bodies) == len(WRITING)
    assert [name for name in bodies if schemas[name]["additionalProperties"] is not False] == []


@pytest.mark.parametrize("route", WRITING)
def test_no_column_can_be_sent_where_it_is_no_field(
    app: Flask, client: FlaskClient, scene: Scene, route: str
) -> None:
    foreign = [
        name for name in COLUMNS + ODD if name not in readable(models(app, route).get("body"))
    ]
    before = snapshot()

    for first in range(0, len(foreign), MAX_FIELD_ERRORS):
        sent = foreign[first : first + MAX_FIELD_ERRORS]
        answer = send(client, scene, route, dict.fromkeys(sent, "admin"))
        assert flaws(answer) == dict.fromkeys(sent, "UNKNOWN_FIELD")

    assert snapshot() == before


@pytest.mark.parametrize("route", WRITING)
def test_one_foreign_field_is_enough_to_be_refused(
    app: Flask, client: FlaskClient, scene: Scene, route: str
) -> None:
    tempting = {"id", "user_id", "role", "is_deleted", "password_hash", "version"}
    values: list[Any] = [None, True, 1, "admin", [], {"role": "admin"}]
    before = snapshot()

    for name in sorted(tempting - readable(models(app, route).get("body"))):
        for value in values:
            answer = send(client, scene, route, {name: value})
            assert problem(answer) == (422, "INVALID_REQUEST"), (name, value)

    assert snapshot() == before


def test_names_of_columns_inside_free_documents_are_only_data(
    client: FlaskClient, scene: Scene
) -> None:
    owner = person(client, scene.owner)
    owner.get("/users/me/profile")
    hostile: dict[str, Any] = {
        "user_id": "0",
        "id": 1,
        "version": 99,
        "is_deleted": True,
        "__class__": "x",
        "user": {"role": "admin"},
    }
    written = frozenset({"profiles", "history", "sync_heads", "audit_log"})
    before = snapshot(without=written)

    changed = owner.patch("/users/me/profile", {"preferences": hostile})
    made = owner.post("/history", {"action_type": "A", "payload": hostile})

    profile, action = document(changed), document(made)
    assert (changed.status_code, made.status_code) == (200, 201)
    assert (profile["preferences"], action["payload"]) == (hostile, hostile)
    assert profile["version"] < action["version"] < hostile["version"]
    db = get_db()
    assert db(db.history.id == action["id"]).select().first()["user_id"] == scene.owner["id"]
    assert snapshot(without=written) == before


def test_no_column_can_be_asked_for_where_it_is_no_parameter(
    app: Flask, client: FlaskClient, scene: Scene
) -> None:
    before = snapshot()
    for route in routes(app):
        method, path = route.split()
        if not path.startswith("/api/") or method in ("HEAD", "OPTIONS"):
            continue
        foreign = sorted({*COLUMNS, *ODD} - readable(models(app, route).get("query")))
        for first in range(0, len(foreign), MAX_PARAMETERS):
            sent = foreign[first : first + MAX_PARAMETERS]
            answer = client.open(
                address(path, scene.identifier(path)),
                method=method,
                query_string=dict.fromkeys(sent, "admin"),
                headers={"Authorization": f"Bearer {scene.token}"},
                json=BODIES[route](scene) if route in BODIES else None,
            )
            assert flaws(answer) == dict.fromkeys(sent, "UNKNOWN_FIELD"), route

    assert snapshot() == before


@pytest.mark.parametrize(
    "query",
    ["limit=1&limit=2", "limit=1&limit=1", "limit=1&%6cimit=2", "limit[]=1", "limit=1;limit=2",
     "limit=1,2", "cursor=&cursor=", "action_type=A&action_type=B"],
)  # fmt: skip
def test_parameter_given_twice_is_refused(client: FlaskClient, scene: Scene, query: str) -> None:
    answer = client.get(
        f"/api/v1/history?{query}", headers={"Authorization": f"Bearer {scene.token}"}
    )

    assert problem(answer) == (422, "INVALID_REQUEST")


def test_parameter_of_a_path_cannot_be_overridden_by_a_query(
    client: FlaskClient, scene: Scene
) -> None:
    path = f"/api/v1/history/{scene.action['id']}?id={Scene('other').action['id']}"

    answer = client.get(path, headers={"Authorization": f"Bearer {scene.token}"})

    assert problem(answer) == (422, "INVALID_REQUEST")


@pytest.mark.parametrize("order", ["first", "last"])
def test_two_tokens_are_none(client: FlaskClient, scene: Scene, order: str) -> None:
    tokens = [f"Bearer {scene.token}", f"Bearer {Scene('admin').token}"]
    # As any WSGI server joins repeated headers.
    headers = {"Authorization": ",".join(tokens if order == "first" else reversed(tokens))}

    assert problem(client.get("/api/v1/users/me", headers=headers)) == (401, "TOKEN_INVALID")


def test_method_cannot_be_overridden(client: FlaskClient, scene: Scene) -> None:
    headers = {
        "Authorization": f"Bearer {scene.token}",
        "X-HTTP-Method-Override": "DELETE",
        "X-HTTP-Method": "DELETE",
        "X-Method-Override": "DELETE",
    }
    before = snapshot()

    answer = client.get("/api/v1/users/me", headers=headers)
    also: Any = client.post("/api/v1/users/me?_method=DELETE", headers=headers)

    assert (answer.status_code, also.status_code) == (200, 405)
    assert snapshot() == before


DOCUMENTS = {"payload", "preferences", "result", "content", "config", "extra", "languages"}
DOCUMENTS |= {"old_value", "new_value"}


def members(value: Any) -> Iterator[str]:
    """Yield every name in an answer, but those inside documents of the client's own."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            if name not in DOCUMENTS:
                yield from members(member)
    elif isinstance(value, list):
        for item in value:
            yield from members(item)


def test_no_answer_has_a_column_that_it_does_not_promise(
    app: Flask, client: FlaskClient, scene: Scene
) -> None:
    make_admin()
    schemas = document(client.get("/openapi.json"))["components"]["schemas"]
    promised = {name for schema in schemas.values() for name in schema.get("properties", {})}
    pulled = list_synced()  # By their tables a pull lists rows, each with what devices get of it.
    promised |= {*pulled, *(name for one in pulled.values() for name in one.shown)}
    hidden = {"email_key", "family_id", "is_deleted", "password_hash", "refresh_hash", "token_hash"}
    assert not promised & hidden
    shown = set()

    for route in routes(app):
        if "/api/" in route and not route.startswith(("HEAD ", "OPTIONS ")):
            asking = Scene("owner", owner=make_admin())
            answer = (
                send(client, asking, route, {}) if route in BODIES else read(client, asking, route)
            )
            assert answer.status_code < 300 or route == "POST /api/v1/auth/register", route
            told = answer.get_json(silent=True)
            if route != "GET /api/v1/users/me/export":  # Which promises every column.
                shown |= set(members(told))

    assert shown <= promised
    assert len(shown) > 20


def read(client: FlaskClient, scene: Scene, route: str) -> TestResponse:
    method, path = route.split()
    return client.open(
        address(path, scene.identifier(path)), method=method, **options_of(scene, route)
    )


def test_safe_methods_change_nothing(app: Flask, client: FlaskClient, scene: Scene) -> None:
    before = snapshot()

    for route in routes(app):
        if route.startswith(("GET ", "HEAD ", "OPTIONS ")):
            with read(client, scene, route) as answer:
                assert answer.status_code == 200, route

    assert snapshot() == before


SECRETS = {"password", "current_password", "new_password", "token", "refresh_token"}
SECRETS |= {"access_token", "api_key", "key", "secret", "session", "sid"}


def test_no_secret_is_read_from_an_address(app: Flask, client: FlaskClient, scene: Scene) -> None:
    for route in routes(app):
        if "/api/" in route and not route.startswith("OPTIONS "):
            parts = models(app, route)
            names = readable(parts.get("path")) | readable(parts.get("query"))
            assert names & SECRETS == set(), route

    for name in ("access_token", "token", "authorization"):
        answer = client.get(f"/api/v1/users/me?{name}={scene.token}")
        assert problem(answer) == (401, "TOKEN_REQUIRED")
