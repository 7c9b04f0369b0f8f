"""What the service is compared with: the way of the reference designs, as well as it can be.

FastAPI, SQLAlchemy's asynchronous ORM on asyncpg, and orjson; one process with uvloop. It does what
the service does, on the same tables: the same check of the token, the same validation, the same
rows in one transaction, the same answer. Who is not the service's is refused in fewer words,
because nobody is in a bench.

Runs with the packages of ``.venv/bench``.
"""

from __future__ import annotations

from fastapi import FastAPI

from scripts.bench.reference import history, spending, users

app = FastAPI()
for module in (users, history, spending):
    app.include_router(module.router)
