"""What ``backend serve`` asks the database in production before it starts.

It is one connection, closed again before anything forks. A database that does not answer is no
reason to stay away: the service says 503 until it does. One that answers, and will never serve
this service as it is set up, is.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from app.config import Settings, SettingsError
from app.models import init_db
from app.operations.connection_limit import CONNECTION_LIMIT
from app.operations.rights import find_flaws
from bilayer.urls import engine_name

CONNECT_SECONDS: Final = 5
_TIMEOUTS: Final = {
    "postgresql": ("connect_timeout",),
    # PyMySQL's first ends with the TCP connection; a server may accept it and say nothing.
    "mysql": ("connect_timeout", "read_timeout"),
}

# What servers and drivers say of a connection that will not be had by waiting. They give no code.
_REFUSALS: Final = {
    "authentication failed": "the server does not know this user with this password",
    "Access denied": "the server does not know this user with this password",
    "no pg_hba.conf entry": "the server lets this user in only from elsewhere, or only with TLS",
    "permission denied for database": "the user may not connect to this database",
    "no password supplied": "the server asks this user for a password",
    "root certificate file": "the file of the root certificate cannot be read",
    "does not exist": "the server has no such database or user",
    "Unknown database": "the server has no such database",
    "certificate": "the server's certificate is not one that was asked for",
    "does not support SSL": "the server does not speak TLS",
}


def require_database(settings: Settings) -> None:
    """Refuse a database that cannot serve this service, or in which it could do too much.

    Raises:
        SettingsError: With one line for each reason.
        sqlalchemy.exc.OperationalError: The server does not answer.
    """
    try:
        problems = _find_problems(settings)
    except sa.exc.OperationalError as error:
        said = str(error.orig)
        reasons = [reason for text, reason in _REFUSALS.items() if text in said]
        if not reasons:
            raise
        problems = [f"{_setting(settings)}: {reasons[0]}"]
    if problems:
        raise SettingsError("\n".join(problems))


def _find_problems(settings: Settings) -> list[str]:
    with connect(settings.url) as connection:
        role = connection.execute(sa.text("SELECT current_user")).scalar_one()
        question = CONNECTION_LIMIT[engine_name(connection.dialect.name)]
        limit = connection.execute(sa.text(question)).scalar_one()
        flaws = find_flaws(connection, init_db(settings).dal.tables)
    problems = []
    if flaws:
        what = "; it ".join(flaws)
        hint = "see services/flask-backend/sql"
        problems.append(f"{_setting(settings)}: the role {role} {what}; {hint}")
    if settings.connections > limit:
        problems.append(
            f"WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) is {settings.connections}, "
            f"and the database allows {limit} connections; lower one of them"
        )
    return problems


def connect(url: sa.URL) -> sa.Connection:
    """Open a connection that no pool keeps, without waiting long for a server that is silent."""
    engine = sa.create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=dict.fromkeys(_TIMEOUTS[engine_name(url.drivername)], CONNECT_SECONDS),
    )
    return engine.connect()


def _setting(settings: Settings) -> str:
    """Name the setting that says where the database is."""
    return "DATABASE_HOST" if settings.database_host else "DATABASE_URL"
