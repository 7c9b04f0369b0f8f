"""The API's description: valid, complete, true about errors, and readable without the internet."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_openapi3.blueprint import APIBlueprint
from openapi_spec_validator import validate
from pydantic import BaseModel, SecretStr

from app import create_app
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.fields import Parameters
from app.config import Settings
from tests.support.service import connected
from tests.support.threads import run_together


@pytest.fixture
def document(edge_client: FlaskClient) -> Any:
    return edge_client.get("/openapi.json").json


def test_document_is_valid_openapi_31(document: Any) -> None:
    validate(document)

    assert document["openapi"].startswith("3.1.")


def test_document_is_whole_for_all_who_ask_first(edge: Flask) -> None:
    answers = run_together([lambda: edge.test_client().get("/openapi.json").data] * 4)

    assert {*map(type, answers)} == {bytes}
    assert len(set(answers)) == 1


def test_description_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    blueprint = Blueprint("things", __name__)

    @blueprint.get("/things")
    @allow("public")
    def list_things() -> list[str]:
        """List things."""
        return []

    with monkeypatch.context() as patches, pytest.raises(MemoryError):
        patches.setattr(APIBlueprint, "_collect_openapi_info", Mock(side_effect=MemoryError))
        blueprint.describe()
    blueprint.describe()

    assert list(blueprint.paths) == ["/things"]


def test_document_names_every_route_of_the_api(edge: Flask, document: Any) -> None:
    described = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    served = {
        f"{method} {rule.rule}".replace("<", "{").replace(">", "}")
        for rule in edge.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert described == served


def test_every_route_is_described(document: Any) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path}"
            assert any(status.startswith("2") for status in operation["responses"])


def models_of(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield every model of the API below one that the document names; parameters have no name."""
    for model in base.__subclasses__():
        if model is not Parameters:
            yield from models_of(model)
            if model.__module__.startswith("app.api."):
                yield model


def test_two_models_of_one_name_say_the_same(edge: Flask) -> None:
    assert edge.url_map  # Every module of the API is there.
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for model in models_of(BaseModel):
        # In the document one of them would take the other's place.
        meanings[model.__name__].add(json.dumps(model.model_json_schema(), sort_keys=True))

    assert {"Credits", "Erased", "Hold"} <= meanings.keys()
    assert [name for name, told in meanings.items() if len(told) > 1] == []


def test_errors_are_described_as_problems(document: Any) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status in ("422", "default"):
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"]
    assert "errors" in document["components"]["schemas"]["Problem"]["properties"]


def test_routes_that_need_a_token_say_so(document: Any) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["paths"]["/api/v1/users/me"]["get"]["security"] == [{"bearer": []}]
    assert "security" not in document["paths"]["/api/v1/auth/login"]["post"]


def test_limits_that_are_enforced_are_described(document: Any) -> None:
    listing = document["paths"]["/api/v1/history"]["get"]["parameters"]
    limit = next(each["schema"] for each in listing if each["name"] == "limit")
    registration = document["components"]["schemas"]["Registration"]["properties"]

    assert limit == {
        "default": 20, "maximum": 200, "minimum": 1, "title": "Limit", "type": "integer",
    }  # fmt: skip
    assert registration["email"]["maxLength"] == 254
    assert (registration["password"]["minLength"], registration["password"]["maxLength"]) == (
        8,
        256,
    )


def test_docs_load_nothing_from_elsewhere(edge_client: FlaskClient) -> None:
    page = edge_client.get("/docs")
    references = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.mimetype == "text/html"
    assert len(references) == 4
    for reference in references:
        assert reference.startswith("/docs/")
        with edge_client.get(reference) as answer:
            assert answer.status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    "name", ["../__init__.py", "%2e%2e/__init__.py", "nothing.js", "css", "/etc/passwd"]
)
def test_docs_serve_no_other_file(edge_client: FlaskClient, name: str) -> None:
    answer = edge_client.get(f"/docs/{name}")

    assert answer.status_code in (404, 308)
    assert "import" not in answer.text


@pytest.mark.parametrize(("docs", "status"), [(None, 404), ("off", 404), ("on", 200)])
def test_production_serves_docs_only_on_demand(docs: Any, status: int, tmp_path: Path) -> None:
    settings = Settings(
        env="prod",
        secret_key=SecretStr("0123456789" * 4),
        database_url=SecretStr("postgresql://app:unguessable@127.0.0.1/app"),
        data_dir=tmp_path,
        docs=docs,
        mail_sender="file",
        public_url="https://app.example.com",
    )
    with connected(settings):
        client = create_app(settings).test_client()

        answers = [client.get(path).status_code for path in ("/docs", "/openapi.json")]

    assert answers == [status, status]


def test_texts_of_requests_are_described_as_free_of_nul(document: Any) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["Credentials"]["properties"]["password"]["pattern"] == r"^[^\x00]*$"
    assert schemas["NewAction"]["properties"]["payload"]["$ref"].endswith("/JSONObject")


def test_headers_of_answers_are_described(document: Any) -> None:
    responses = document["paths"]["/api/v1/auth/login"]["post"]["responses"]

    assert all("X-Request-ID" in response["headers"] for response in responses.values())
    assert responses["401"]["headers"]["WWW-Authenticate"]["required"]
    assert responses["429"]["headers"]["Retry-After"]["required"]


def test_no_parameter_is_described_as_null(document: Any) -> None:
    listing = document["paths"]["/api/v1/users"]["get"]["parameters"]

    assert all("anyOf" not in each["schema"] for each in listing)
