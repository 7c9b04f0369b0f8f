"""What a request leaves behind: nothing but its committed rows, whatever became of it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.pool import QueuePool

from app import deadline
from app.api.access import allow
from app.api.blueprint import Blueprint
from app.models import create_user, get_database, get_user_by_email, transaction

EMAIL = "ada@example.com"


def serve(app: Flask, view: Callable[[], Any]) -> FlaskClient:
    """Put a view under ``/work`` and return somebody who can ask for it."""
    routes = Blueprint("work", __name__)
    routes.post("/work")(allow("public")(view))
    app.register_blueprint(routes)
    return app.test_client()


def in_use() -> int:
    pool = get_database().engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def write() -> dict[str, Any]:
    create_user(email=EMAIL, password_hash="none")  # Hashing one gives the connection back.
    return {}


def test_failure_inside_a_transaction_leaves_nothing(app: Flask) -> None:
    def work() -> dict[str, Any]:
        with transaction():
            write()
            raise ZeroDivisionError

    client = serve(app, work)
    answer = client.post("/work")

    assert answer.status_code == 500
    assert in_use() == 0
    assert get_user_by_email(EMAIL) is None


def test_failure_after_a_commit_leaves_what_was_committed(app: Flask) -> None:
    def work() -> dict[str, Any]:
        with transaction():
            write()
        raise ZeroDivisionError

    client = serve(app, work)
    answer = client.post("/work")

    assert answer.status_code == 500
    assert in_use() == 0
    assert get_user_by_email(EMAIL) is not None


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt])
def test_even_an_end_of_the_process_gives_the_connection_back(
    app: Flask, exception: type[BaseException]
) -> None:
    def work() -> dict[str, Any]:
        with transaction():
            write()
            raise exception

    client = serve(app, work)
    with pytest.raises(exception):
        client.post("/work")

    assert in_use() == 0
    assert get_user_by_email(EMAIL) is None


def test_connection_is_given_back_after_every_request(app: Flask) -> None:
    client = serve(app, write)

    statuses = [client.post("/work").status_code for _ in range(3)]

    assert statuses == [200, 409, 409]
    assert in_use() == 0


def test_a_hundred_threads_share_the_pool(app: Flask) -> None:
    client = serve(app, lambda: {"found": get_user_by_email(EMAIL) is not None})
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(client.post("/work").status_code))
        for _ in range(100)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 30
    assert in_use() == 0


def test_request_has_a_deadline_and_its_thread_none_afterwards(edge: Flask) -> None:
    client = serve(edge, lambda: {"seconds": deadline.remaining()})

    answer = client.post("/work")

    assert 0 < answer.json["seconds"] <= deadline.REQUEST_SECONDS
    assert deadline.remaining() is None
