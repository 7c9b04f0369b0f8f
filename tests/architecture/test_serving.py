"""What serves a request knows nothing of the schema layer, and each route says who may call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import create_app
from app.api.access import LEVELS
from app.config import Settings
from app.models import close_db

SERVE = """
import sys
from app import create_app
from app.config import Settings

client = create_app(Settings()).test_client()
for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/api/v1/users/me"):
    client.get(path)
client.post("/api/v1/auth/login", json={"email": "a@example.com", "password": "a secret word"})
for name in sorted(sys.modules):
    # Nothing is for sale here.
    if name.startswith(("sqlalchemy.orm", "app.db", "stripe", "requests")):
        print("imported", name)
"""
PUBLIC = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/<path:name>",
    "/docs/start.js",
    "/api/v1/auth/email/verify",
    "/api/v1/auth/guest",
    "/api/v1/auth/password/forgot",
    "/api/v1/auth/password/reset",
    "/api/v1/auth/register",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/consents/documents",
    "/api/v1/consents/documents/<document>/<version>/<language>",
    "/api/v1/webhooks/stripe",
}


def test_serving_requests_imports_neither_the_orm_nor_the_models(
    migrated_database_url: str, tmp_path: Path
) -> None:
    environment = {
        "DATABASE_URL": migrated_database_url,
        "DATA_DIR": str(tmp_path),
        "PATH": os.environ["PATH"],
    }

    served = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, check=False
    )

    assert served.returncode == 0, served.stderr
    lines = served.stdout.splitlines()
    assert [line for line in lines if line.startswith("imported ")] == []


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, object]:
    """Map each route to what its view says about access."""
    app = create_app(Settings(data_dir=tmp_path))
    close_db()
    return {
        rule.rule: getattr(app.view_functions[rule.endpoint], "access", None)
        for rule in app.url_map.iter_rules()
    }


def test_every_route_declares_who_may_call_it(routes: dict[str, object]) -> None:
    undeclared = {rule: access for rule, access in routes.items() if access not in LEVELS}

    assert undeclared == {}


def test_only_the_listed_routes_are_public(routes: dict[str, object]) -> None:
    public = {rule for rule, access in routes.items() if access == "public"}

    assert public == PUBLIC
