"""Who may call a route: levels, tokens and what keeps a route from being forgotten."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.access import LEVELS, allow, require_declarations
from app.api.blueprint import Blueprint
from app.usecases.sessions import Client, open_session
from app.vocabulary import Role
from tests.factories import make_user

SOME_ID = "01890000-0000-7000-8000-000000000000"
ADMITTED = {
    "public": {None, *Role},
    "user": set(Role),
    "maintainer": {Role.MAINTAINER, Role.ADMIN},
    "admin": {Role.ADMIN},
}


def signed_in_as(role: Role | None) -> dict[str, str]:
    """Return the headers of somebody new with this role, or of nobody."""
    if role is None:
        return {}
    tokens = open_session(make_user(role=role)["id"], Client())
    return {"Authorization": f"Bearer {tokens.access_token}"}


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_admits_the_roles_it_promises(app: Flask, level: str) -> None:
    routes = Blueprint("level", __name__)

    @routes.get("/level")
    @allow(level)  # type: ignore[arg-type]  # parametrized text
    def get_level() -> str:
        return "in"

    app.register_blueprint(routes)
    client = app.test_client()

    admitted = {
        role
        for role in (None, *Role)
        if client.get("/level", headers=signed_in_as(role)).status_code == 200
    }

    assert admitted == ADMITTED[level]


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token abc", "bearer", "Bearer x y",
     "Bearer x,Bearer y", "Bearer \xff", "Bearer null", "Bearer ' OR 1=1 --",
     f"Bearer {SOME_ID}.", f"Bearer {SOME_ID}.{'A' * 43}", "Bearer " + "x" * 4000],
)  # fmt: skip
def test_what_is_no_valid_token_is_401(client: FlaskClient, header: str) -> None:
    answer = client.get("/api/v1/users/me", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.mimetype == "application/problem+json"


def test_nobody_is_told_what_is_wrong_with_a_body_before_who_they_are(client: FlaskClient) -> None:
    answer = client.post("/api/v1/history", data=b"[" * 100_000, content_type="text/plain")

    assert answer.status_code == 401


def test_view_without_declaration_cannot_become_a_route() -> None:
    routes = Blueprint("forgotten", __name__)

    with pytest.raises(TypeError, match="needs @allow"):

        @routes.get("/forgotten")
        def get_forgotten() -> str:
            return "open to all"


def test_application_with_an_undeclared_route_is_refused(edge: Flask) -> None:
    edge.add_url_rule("/forgotten", view_func=lambda: "open to all")

    with pytest.raises(RuntimeError, match="/forgotten"):
        require_declarations(edge)


def test_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="everybody"):
        allow("everybody")  # type: ignore[arg-type]  # the mistake under test
