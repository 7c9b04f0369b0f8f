"""The API's own description: OpenAPI 3.1, and Swagger UI that reads it without the internet."""

from pathlib import Path
from typing import Any, Final, cast

import flask_openapi3_swagger
from flask import Response, current_app, send_from_directory
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_openapi3.types import SecuritySchemesDict

from app.api.access import allow
from app.api.blueprint import Blueprint
from app.api.description import complete
from app.api.fields import Parameters
from app.api.headers import CONFINEMENT

INFO: Final = Info(
    title="Flask backend",
    version="1",
    description="Accounts, history, synchronization, credits, payments, consents and cached "
    "answers over JSON. "
    "Errors are problem details (RFC 9457).",
)
SECURITY_SCHEMES: Final[SecuritySchemesDict] = {"bearer": {"type": "http", "scheme": "bearer"}}

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

blueprint = Blueprint("documents", __name__, doc_ui=False, ignores_queries=True)


class Asset(Parameters):
    """A file of Swagger UI."""

    name: str


@blueprint.get("/openapi.json")
@allow("public")
def get_openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return complete(cast("OpenAPI", current_app).api_doc)


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
