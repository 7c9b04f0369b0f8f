"""What machines ask: is it alive, is it ready, how is it doing. Open to anybody, told nothing."""

from typing import Any, Final

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.access import allow
from app.api.blueprint import Blueprint
from app.errors import Unavailable
from app.health import HEALTH, Health, State
from app.metrics import render_metrics

__all__ = ["HEALTH", "blueprint"]

_SENTENCES: Final = {
    State.DRAINING: "This process is stopping.",
    State.DATABASE_UNAVAILABLE: "The database cannot be reached.",
    State.SCHEMA_BEHIND: "The database must be migrated: backend db upgrade.",
}

blueprint = Blueprint("probes", __name__, doc_ui=False, ignores_queries=True)


@blueprint.get("/healthz")
@allow("public")
def get_liveness() -> dict[str, Any]:
    """Tell that this process answers. Touches nothing."""
    return {"status": "alive"}


@blueprint.get("/readyz")
@allow("public")
def get_readiness() -> dict[str, Any]:
    """Tell whether requests should be sent here, and what is unusual if they should."""
    health: Health = current_app.extensions[HEALTH]
    state = health.state()
    if not state.is_ready:
        raise Unavailable(state.upper(), _SENTENCES[state])
    answer: dict[str, Any] = {"status": "ready", "state": state}
    if health.backups is not None and health.backups.is_minded:
        answer["last_verified_backup"] = health.backups.made_at
    return answer


@blueprint.get("/metrics")
@allow("public")
def get_metrics() -> Response:
    """Tell Prometheus the numbers of all workers."""
    return Response(render_metrics(), content_type=CONTENT_TYPE_LATEST)
