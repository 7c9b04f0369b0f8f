"""Who asks, behind proxies: believed as far as PROXY_HOPS says, and no further."""

from pathlib import Path
from typing import Any

import pytest
from flask import request

from app import create_app
from app.api.access import allow
from app.api.blueprint import Blueprint
from tests.support.service import connected, settings_for

FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "api.example.com",
}


@pytest.mark.parametrize(
    ("hops", "seen"),
    [
        (0, {"address": "127.0.0.1", "is_secure": False, "host": "localhost"}),
        (1, {"address": "203.0.113.7", "is_secure": True, "host": "api.example.com"}),
    ],
)
def test_forwarded_headers_count_as_far_as_our_proxies_go(
    hops: int, seen: dict[str, Any], tmp_path: Path
) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/none.db", tmp_path)
    routes = Blueprint("seen", __name__)

    @routes.get("/seen")
    @allow("public")
    def get_seen() -> dict[str, Any]:
        return {
            "address": request.remote_addr,
            "is_secure": request.is_secure,
            "host": request.host,
        }

    with connected(settings):
        app = create_app(settings.model_copy(update={"proxy_hops": hops}))
        app.register_blueprint(routes)
        answer = app.test_client().get("/seen", headers=FORWARDED)

    assert answer.json == seen
    assert ("Strict-Transport-Security" in answer.headers) is seen["is_secure"]
