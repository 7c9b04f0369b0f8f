"""``backend serve`` with routes that misbehave, for faults no client can cause. Run as a script.

MAX_REQUESTS in the environment says after how many requests a worker is replaced; with
BOOT_FAILURE no worker starts.
"""

import os
import time
from typing import Any
from uuid import UUID, uuid4

from flask import Flask, request

import app
from app.cli import main

_create_app = app.create_app


def create_faulty_app(settings: Any = None) -> Flask:
    """Return the application with routes under ``/faults``."""
    from app.api import lifecycle  # noqa: PLC0415 - where metrics go must be known before

    flask = _create_app(settings)
    flask.add_url_rule("/faults/sleep", view_func=sleep)
    flask.add_url_rule("/faults/write", view_func=write_and_fail, methods=["POST"])
    flask.add_url_rule("/faults/release", view_func=answer)
    lifecycle.release = release_or_fail  # type: ignore[attr-defined]  # its import, not its own
    return flask


def sleep() -> dict[str, Any]:
    """Hold a thread for as long as the query says."""
    time.sleep(float(request.args["seconds"]))
    return {"pid": os.getpid()}


def write_and_fail() -> dict[str, Any]:
    """Write a row for the user of the query, then raise."""
    from app.models import create_history, transaction  # noqa: PLC0415 - as above

    with transaction():
        user_id = UUID(request.args["user_id"])
        create_history(user_id, history_id=uuid4(), action_type="LOST", payload={})
        message = "This is a fault."
        raise RuntimeError(message)


def answer() -> dict[str, Any]:
    """Answer, after which the connection cannot be given back."""
    from app.models import list_revisions  # noqa: PLC0415 - as above

    list_revisions()
    return {}


def release_or_fail() -> None:
    """Fail to give the connection back after one route."""
    from app.models import release  # noqa: PLC0415 - as above

    if request.path == "/faults/release":
        raise OSError
    release()


def fail(worker: Any) -> None:
    """Fail as a worker that cannot start does."""
    raise RuntimeError


if __name__ == "__main__":
    from app.server import gunicorn

    if "BOOT_FAILURE" in os.environ:
        gunicorn._begin_worker = fail
    app.create_app = create_faulty_app
    gunicorn.MAX_REQUESTS = int(os.environ.get("MAX_REQUESTS", "20000"))  # type: ignore[misc]  # a constant but for this
    main()
