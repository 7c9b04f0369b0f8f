"""What a server's refusal to let somebody in means, and what to do about it.

PostgreSQL's client gives no code while it connects, so its English sentences are what there is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.operations.doctor.findings import Finding, wrong
from bilayer.urls import engine_name


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What is said where the pattern is found; with ``{role}``, ``{name}`` and ``{setting}``."""

    pattern: str
    sentence: str
    fix: str


_POSTGRESQL: Final = (
    _Refusal(
        "password authentication failed|no password supplied",
        "The server refuses the password of role {role!r}.",
        "Correct the password in {setting}, or give the role that one: ALTER ROLE {role} PASSWORD.",
    ),
    _Refusal(
        'role ".*" does not exist',
        "There is no role {role!r}.",
        "Correct the user in {setting}, or make the roles: docs/operations/production.md.",
    ),
    _Refusal(
        "not permitted to log in",
        "The role {role!r} may not sign in.",
        "ALTER ROLE {role} LOGIN",
    ),
    _Refusal(
        'database ".*" does not exist',
        "There is no database {name!r}.",
        "Correct the name in {setting}, or make it: docs/operations/production.md.",
    ),
    _Refusal(
        "permission denied for database",
        "The role {role!r} may not use the database {name!r}.",
        "GRANT CONNECT ON DATABASE {name} TO {role}",
    ),
    _Refusal(
        "no pg_hba.conf entry|pg_hba.conf rejects",
        "The server lets nobody in from this machine as {role!r}, or not without TLS.",
        "Add a line to its pg_hba.conf, and reload it; set DATABASE_SSLMODE=verify-full for TLS.",
    ),
    _Refusal(
        "too many connections|remaining connection slots",
        "The server has no connection left.",
        "Count WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) of all instances against its limit.",
    ),
    _Refusal(
        "starting up|shutting down|not yet accepting|in recovery mode",
        "The server is starting, stopping or recovering.",
        "Wait, and look into its log if it goes on.",
    ),
    _Refusal(
        "unsupported startup parameter",
        "A pooler refuses a parameter of the session.",
        "Set ignore_startup_parameters = options in pgbouncer.ini: docs/operations/pgbouncer.md.",
    ),
    _Refusal(
        "session is not read-write|session is read-only",
        "No host of {setting} takes writes at the moment.",
        "Look at the cluster: one host must be the primary. docs/operations/high-availability.md.",
    ),
    _Refusal(
        "timeout expired",
        "Somebody accepts the connection and says nothing.",
        "Look at the server, and at proxies and firewalls between here and there.",
    ),
    _Refusal(
        "SSL|certificate|TLS",
        "TLS fails: {text}",
        "Check DATABASE_SSLMODE and DATABASE_SSLROOTCERT against the server's certificate.",
    ),
)
_MYSQL: Final = (
    _Refusal(
        r"\(1045,",
        "The server refuses the user {role!r} or its password, from this machine.",
        "Correct {setting}, or make the user: CREATE USER ... IDENTIFIED BY.",
    ),
    _Refusal(
        r"\(1044,",
        "The user {role!r} may not use the database {name!r}.",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO that user.",
    ),
    _Refusal(
        r"\(1049,",
        "There is no database {name!r}.",
        "Correct the name in {setting}, or CREATE DATABASE {name} CHARACTER SET utf8mb4.",
    ),
    _Refusal(
        r"\((1040|1203|1226),",
        "The server, or this user, has no connection left.",
        "Count WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) of all instances against its limit.",
    ),
    _Refusal(
        r"\(1130,",
        "The server lets nobody in from this machine.",
        "Make the user for this host: CREATE USER name@host.",
    ),
    _Refusal(
        r"\((2026|3159),|SSL|certificate",
        "TLS fails: {text}",
        "Check ssl_ca in {setting} against the server's certificate.",
    ),
    _Refusal(
        r"\((2003|2006|2013),",
        "Somebody accepts the connection and says nothing.",
        "Look at the server, and at proxies and firewalls between here and there.",
    ),
)
_REFUSALS: Final = {"postgresql": _POSTGRESQL, "mysql": _MYSQL}
_UNKNOWN: Final = _Refusal("", "The server refuses: {text}", "Look into the server's log.")


def refusal(text: str, url: sa.URL, setting: str) -> Finding:
    """Explain what a driver said when it could not connect."""
    known = _REFUSALS[engine_name(url.drivername)]
    found = next((one for one in known if re.search(one.pattern, text)), _UNKNOWN)
    fill: Callable[[str], str] = lambda sentence: sentence.format(  # noqa: E731 - used twice, here
        role=url.username, name=url.database, setting=setting, text=_last_sentence(text)
    )
    return wrong("database_login", fill(found.sentence), fill(found.fix))


def _last_sentence(text: str) -> str:
    """Take what went wrong, without the address that stands before it."""
    line = text.strip().splitlines()[-1] if text.strip() else "no reason was given"
    return line.rpartition("failed: ")[2]
