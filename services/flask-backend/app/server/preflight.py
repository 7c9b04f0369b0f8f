"""What ``backend serve`` asks the database before it starts: in production all, else who it is.

It is one connection, closed again before anything forks. A database that does not answer is no
reason to stay away: the service says 503 until it does. One that answers, and will never serve
this service as it is set up, is.
"""

from collections.abc import Collection
from typing import Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from app.config import Settings, SettingsError
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
    "SSL is required": "the server does not speak TLS",
}
_PROOFS: Final = {
    "root certificate file": "DATABASE_SSLROOTCERT",
    "certificate": "DATABASE_SSLROOTCERT",
    "does not support SSL": "DATABASE_SSLMODE",
    "SSL is required": "DATABASE_SSLMODE",
}
"""Which of them time never mends, and the setting to blame where the address is in parts."""


def require_database(settings: Settings) -> None:
    """Refuse a database that cannot serve this service, or in which it could do too much.

    Raises:
        SettingsError: With one line for each reason.
        sqlalchemy.exc.OperationalError: The server does not answer.
    """
    try:
        problems = _find_problems(settings)
    except sa.exc.OperationalError as error:
        problems = _reasons(settings, error, _REFUSALS)
    if problems:
        raise SettingsError("\n".join(problems))


def require_certificate(settings: Settings) -> None:
    """Refuse a server that cannot prove who it is, where the settings ask for a proof.

    Raises:
        SettingsError: With the reason.
        sqlalchemy.exc.OperationalError: The server does not answer, or refuses for other reasons.
    """
    if asks_for_tls(settings.url):
        try:
            connect(settings.url).close()
        except sa.exc.OperationalError as error:
            raise SettingsError(_reasons(settings, error, _PROOFS)[0]) from None


def asks_for_tls(url: sa.URL) -> bool:
    """Tell whether an address demands TLS, whatever of the certificate it demands."""
    demanded = url.query.get("sslmode") in ("require", "verify-ca", "verify-full")
    return demanded or any(name.startswith("ssl_") for name in url.query)


def _reasons(
    settings: Settings, error: sa.exc.OperationalError, texts: Collection[str]
) -> list[str]:
    """Return why the server will never serve us, or raise the error: it may be away."""
    said = str(error.orig)
    text = next((text for text in _REFUSALS if text in texts and text in said), None)
    if text is None:
        raise error
    setting = _setting(settings)
    if settings.database_host:
        setting = _PROOFS.get(text, setting)
    return [f"{setting}: {_REFUSALS[text]}"]


def _find_problems(settings: Settings) -> list[str]:
    with connect(settings.url) as connection:
        role = connection.execute(sa.text("SELECT current_user")).scalar_one()
        question = CONNECTION_LIMIT[engine_name(connection.dialect.name)]
        limit = connection.execute(sa.text(question)).scalar_one()
        flaws = find_flaws(connection)
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
