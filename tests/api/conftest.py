"""The application for tests of the HTTP edge, on the migrated database of each engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import Field

from app import create_app
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.fields import Body, Flag, Identifier, Parameters, Timestamp
from app.api.pagination import ListQuery
from tests.fakes import StripeServer, stripe_settings
from tests.support.databases import migrated_database
from tests.support.run import Run
from tests.support.service import connected, settings_for


class Echoed(Body):
    """A body with one field of each kind."""

    name: Annotated[str, Field(min_length=1, max_length=10)]
    count: int = 0
    is_done: bool = False
    ratio: float = 0.0
    id: Identifier | None = None
    at: Timestamp | None = None
    payload: Annotated[dict[str, Any], Field(default_factory=dict)]


class EchoedQuery(ListQuery):
    """A query with one parameter of each kind."""

    word: str | None = None
    since: Timestamp | None = None
    is_done: Flag | None = None


class EchoedPath(Parameters):
    """An id in the path."""

    id: Identifier


def build_echo() -> Blueprint:
    """Return routes that do nothing but read their input."""
    echo = Blueprint("echo", __name__, url_prefix="/echo")

    @echo.post("")
    @allow("public")
    def post_echo(body: Echoed) -> dict[str, Any]:
        return body.model_dump()

    @echo.get("")
    @allow("public")
    def get_echo(query: EchoedQuery) -> dict[str, Any]:
        return query.model_dump()

    @echo.patch("/<id>")
    @allow("public")
    def patch_echo(path: EchoedPath, query: EchoedQuery, body: Echoed) -> dict[str, Any]:
        return {"id": path.id} | query.model_dump() | body.model_dump()

    @echo.delete("/<id>")
    @allow("public")
    def delete_echo(path: EchoedPath) -> tuple[str, int]:
        return "", 204

    return echo


@pytest.fixture
def app(database_url: str, tmp_path: Path, stripe: StripeServer) -> Iterator[Flask]:
    """The whole application on a migrated, empty database."""
    settings = settings_for(database_url, tmp_path, **stripe_settings(stripe.url))
    with connected(settings):
        yield create_app(settings)


@pytest.fixture
def sqlite_url(suite_run: Run) -> Iterator[str]:
    """A migrated database of one engine, for what is the same on all."""
    with migrated_database(suite_run, "sqlite") as url:
        yield url


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Someone who talks HTTP to it."""
    return app.test_client()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Flask]:
    """The application with routes that only read input. Its database is never opened."""
    settings = settings_for(f"sqlite:///{tmp_path}/none.db", tmp_path)
    with connected(settings):
        edge = create_app(settings)
        edge.register_blueprint(build_echo())
        yield edge


@pytest.fixture
def edge_client(edge: Flask) -> FlaskClient:
    """Someone who talks HTTP to it."""
    return edge.test_client()
