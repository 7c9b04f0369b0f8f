"""What ``backend serve`` asks the database before it starts: in production all, else who it is.

It is one connection, closed again before anything forks. A database that does not answer is no
reason to stay away: the service says 503 until it does. One that answers, and will never serve
this service as it is set up, is.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from app.config import Settings, SettingsError
from app.operations.connection_limit import CONNECTION_LIMIT
from app.operations.refusals import Refusal, find_refusal
from app.operations.rights import find_flaws
from bilayer.urls import engine_name

CONNECT_SECONDS: Final = 5
_TIMEOUTS: Final = {
    "postgresql": ("connect_timeout",),
    # PyMySQL's first ends with the TCP connection; a server may accept it and say nothing.
    "mysql": ("connect_timeout", "read_timeout"),
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
        problems = [_reason(settings, error)]
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
            if _refusal(settings, error).proof is None:
                raise
            raise SettingsError(_reason(settings, error)) from None


def asks_for_tls(url: sa.URL) -> bool:
    """Tell whether an address demands TLS, whatever of the certificate it demands."""
    demanded = url.query.get("sslmode") in ("require", "verify-ca", "verify-full")
    return demanded or any(name.startswith("ssl_") for name in url.query)


def _refusal(settings: Settings, error: sa.exc.OperationalError) -> Refusal:
    return find_refusal(str(error.orig), settings.url.drivername)


def _reason(settings: Settings, error: sa.exc.OperationalError) -> str:
    """Return why the server will never serve us, or raise the error: it may be away."""
    refusal = _refusal(settings, error)
    if refusal.reason is None:
        raise error
    setting = _setting(settings)
    if settings.database_host and refusal.proof is not None:
        setting = refusal.proof
    return f"{setting}: {refusal.reason}"


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
