"""The limit: the service's routes in Flask with nothing in between, on raw psycopg2 and orjson.

The same check of the token, the same validation, the same statements in the same round trips and
transactions, the same bodies; no retries, no deadline, no pool that others wait at. So this is what
Flask with a thread for each request can do at most. With ``LIMIT_OBSERVED`` it also has what
clients and operators see of each request besides its body, see ``observing``.

Served by gunicorn's own worker of threads, of which the service's is a stricter one: whatever that
costs is the service's.
"""

from __future__ import annotations

import os

from flask import Flask
from werkzeug.exceptions import HTTPException

from scripts.bench.limit import history, users
from scripts.bench.limit.answers import answer

app = Flask("limit", static_folder=None)
app.register_blueprint(users.blueprint)
app.register_blueprint(history.blueprint)
app.register_error_handler(
    HTTPException, lambda error: answer({"code": error.name}, error.code or 500)
)
if os.environ.get("LIMIT_OBSERVED"):
    from scripts.bench.limit.observing import observe

    observe(app)
