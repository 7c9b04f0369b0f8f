"""A service that does nothing: what Flask, gunicorn and the two layers cost without a line of ours.

As many routes as the service has, an engine, PyDAL, and ``/readyz``, which asks the database.
Run by ``python -m gunicorn scripts.bench.bare:application``; the environment has ``BARE_URL`` and
``BARE_ROUTES``.
"""

from __future__ import annotations

import os
from typing import Any

import pydal
import sqlalchemy as sa
from flask import Flask


def make_app(url: str, routes: int) -> Flask:
    """Return an application with so many routes."""
    app = Flask("bare", static_folder=None)
    engine = sa.create_engine(url)
    app.extensions["dal"] = pydal.DAL(None)

    @app.get("/readyz")
    def get_readiness() -> dict[str, Any]:
        with engine.connect() as connection:
            return {"answer": connection.scalar(sa.text("SELECT 1"))}

    for number in range(routes - 1):
        app.add_url_rule(f"/api/v1/things{number}/<id>", f"things{number}", get_readiness)
    return app


if "BARE_URL" in os.environ:
    application = make_app(os.environ["BARE_URL"], int(os.environ["BARE_ROUTES"]))
