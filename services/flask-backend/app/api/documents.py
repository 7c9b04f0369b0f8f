"""The API's own description: OpenAPI 3.1, and Swagger UI that reads it without the internet."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import flask_openapi3_swagger
from flask import Response, current_app, send_from_directory
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_openapi3.types import SecuritySchemesDict

from app.api import errors
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.description import complete
from app.api.fields import Parameters
from app.api.headers import CONFINEMENT

DESCRIPTION: Final = "description"
"""Where ``create_app`` keeps the ``Description``, in Flask's extensions."""

_INFO: Final = Info(
    title="Flask backend",
    version="1",
    description="Accounts, history, synchronization, credits, payments, consents and cached "
    "answers over JSON. "
    "Errors are problem details (RFC 9457).",
)
_SECURITY_SCHEMES: Final[SecuritySchemesDict] = {"bearer": {"type": "http", "scheme": "bearer"}}

_ASSETS: Final = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
# Swagger UI sets styles on elements and draws icons from data: URLs; scripts come from here only.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data:; connect-src 'self'; {CONFINEMENT}"
)
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Flask backend: API</title>
<link rel="icon" href="/docs/images/swagger.svg">
<link rel="stylesheet" href="/docs/css/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, persistAuthorization: false,
});
"""

_collecting: Final = threading.Lock()

blueprint = Blueprint("documents", __name__, doc_ui=False, ignores_queries=True)


class Description:
    """The OpenAPI document, collected when somebody first asks for it.

    Args:
        blueprints: The groups of routes that it describes.
    """

    def __init__(self, blueprints: Iterable[Blueprint]) -> None:
        self._blueprints = tuple(blueprints)
        self._document: dict[str, Any] | None = None

    def read(self) -> dict[str, Any]:
        """Return the document; nobody may change it."""
        # One lock for all: applications of one process share their blueprints.
        with _collecting:
            if self._document is None:
                self._document = complete(self._collect())
            return self._document

    def _collect(self) -> dict[str, Any]:
        collector = OpenAPI(
            "app",
            info=_INFO,
            security_schemes=_SECURITY_SCHEMES,
            validation_error_model=errors.Problem,
            doc_ui=False,
            static_folder=None,
        )
        for each in self._blueprints:
            each.describe()
            collector.register_api(each)
        document: dict[str, Any] = collector.api_doc
        return document


class Asset(Parameters):
    """A file of Swagger UI."""

    name: str


@blueprint.get("/openapi.json")
@allow("public")
def get_openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    description: Description = current_app.extensions[DESCRIPTION]
    return description.read()


@blueprint.get("/docs")
@allow("public")
def get_page() -> Response:
    """Return the page that shows it."""
    response = Response(_PAGE, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/docs/start.js")
@allow("public")
def get_start() -> Response:
    """Return the script that starts Swagger UI, apart from the page so that none is inline."""
    return Response(_START, mimetype="text/javascript")


@blueprint.get("/docs/<path:name>")
@allow("public")
def get_asset(path: Asset) -> Response:
    """Return a file of Swagger UI."""
    return send_from_directory(_ASSETS, path.name)
