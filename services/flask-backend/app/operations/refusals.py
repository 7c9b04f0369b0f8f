"""What a server's refusal to let somebody in means: to the start of the service, and to the doctor.

PostgreSQL's client gives no code while it connects, so its English sentences are what there is.
"""

import re
from dataclasses import dataclass
from typing import Final

from bilayer.urls import engine_name


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a pattern in a driver's sentence means.

    Attributes:
        pattern: By which it is known.
        sentence: What the doctor says; with ``{role}``, ``{name}``, ``{setting}`` and ``{text}``.
        fix: What to do about it; with the same.
        reason: Why the service will never be let in, without a value of a setting. None where time
            may mend it.
        proof: The setting to blame if the server or this machine cannot prove what TLS asks for,
            and the address is in parts.
    """

    pattern: str
    sentence: str
    fix: str
    reason: str | None = None
    proof: str | None = None


_TLS: Final = "TLS fails: {text}"
_TLS_FIX: Final = (
    "Check DATABASE_SSLMODE and DATABASE_SSLROOTCERT against the server's certificate."
)
_TLS_FIX_MYSQL: Final = "Check ssl_ca in {setting} against the server's certificate."
_COUNT: Final = (
    "Count WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) of all instances against its limit."
)
_SILENT: Final = "Somebody accepts the connection and says nothing."
_LOOK_BETWEEN: Final = "Look at the server, and at proxies and firewalls between here and there."

_POSTGRESQL: Final = (
    Refusal(
        "authentication failed|no password supplied",
        "The server refuses the password of role {role!r}.",
        "Correct the password in {setting}, or give the role that one: ALTER ROLE {role} PASSWORD.",
        reason="the server does not know this user with this password",
    ),
    Refusal(
        'role ".*" does not exist|no such user',
        "There is no role {role!r}.",
        "Correct the user in {setting}, or make the roles: docs/operations/production.md.",
        reason="the server has no such user",
    ),
    Refusal(
        "not permitted to log in",
        "The role {role!r} may not sign in.",
        "ALTER ROLE {role} LOGIN",
        reason="the user may not sign in",
    ),
    Refusal(
        'database ".*" does not exist|no such database',
        "There is no database {name!r}.",
        "Correct the name in {setting}, or make it: docs/operations/production.md.",
        reason="the server has no such database",
    ),
    Refusal(
        "permission denied for database",
        "The role {role!r} may not use the database {name!r}.",
        "GRANT CONNECT ON DATABASE {name} TO {role}",
        reason="the user may not connect to this database",
    ),
    Refusal(
        "no pg_hba.conf entry|pg_hba.conf rejects",
        "The server lets nobody in from this machine as {role!r}, or not without TLS.",
        "Add a line to its pg_hba.conf, and reload it; set DATABASE_SSLMODE=verify-full for TLS.",
        reason="the server lets this user in only from elsewhere, or only with TLS",
    ),
    Refusal(
        "unsupported startup parameter",
        "A pooler refuses a parameter of the session.",
        "Set ignore_startup_parameters = options in pgbouncer.ini: docs/operations/pgbouncer.md.",
        reason="the pooler refuses a parameter of the session; see docs/operations/pgbouncer.md",
    ),
    Refusal(
        "too many connections|remaining connection slots",
        "The server has no connection left.",
        _COUNT,
    ),
    Refusal(
        "starting up|shutting down|not yet accepting|in recovery mode",
        "The server is starting, stopping or recovering.",
        "Wait, and look into its log if it goes on.",
    ),
    Refusal(
        "session is not read-write|session is read-only",
        "No host of {setting} takes writes at the moment.",
        "Look at the cluster: one host must be the primary. docs/operations/high-availability.md.",
    ),
    Refusal("timeout expired", _SILENT, _LOOK_BETWEEN),
    Refusal(
        "root certificate file",
        _TLS,
        _TLS_FIX,
        reason="the file of the root certificate cannot be read",
        proof="DATABASE_SSLROOTCERT",
    ),
    Refusal(
        "certificate",
        _TLS,
        _TLS_FIX,
        reason="the server's certificate is not one that was asked for",
        proof="DATABASE_SSLROOTCERT",
    ),
    Refusal(
        "does not support SSL",
        _TLS,
        _TLS_FIX,
        reason="the server does not speak TLS",
        proof="DATABASE_SSLMODE",
    ),
    Refusal("SSL|TLS", _TLS, _TLS_FIX),
)
_MYSQL: Final = (
    Refusal(
        r"\(1045,",
        "The server refuses the user {role!r} or its password, from this machine.",
        "Correct {setting}, or make the user: CREATE USER ... IDENTIFIED BY.",
        reason="the server does not know this user with this password",
    ),
    Refusal(
        r"\(1044,",
        "The user {role!r} may not use the database {name!r}.",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO that user.",
        reason="the user may not use this database",
    ),
    Refusal(
        r"\(1049,",
        "There is no database {name!r}.",
        "Correct the name in {setting}, or CREATE DATABASE {name} CHARACTER SET utf8mb4.",
        reason="the server has no such database",
    ),
    Refusal(
        r"\(1130,",
        "The server lets nobody in from this machine.",
        "Make the user for this host: CREATE USER name@host.",
        reason="the server lets nobody in from this machine",
    ),
    Refusal(
        r"\((1040|1203|1226),",
        "The server, or this user, has no connection left.",
        _COUNT,
    ),
    Refusal(
        "certificate",
        _TLS,
        _TLS_FIX_MYSQL,
        reason="the server's certificate is not one that was asked for",
        proof="DATABASE_URL",
    ),
    Refusal(
        "SSL is required",
        _TLS,
        _TLS_FIX_MYSQL,
        reason="the server does not speak TLS",
        proof="DATABASE_URL",
    ),
    Refusal(r"\((2026|3159),|SSL", _TLS, _TLS_FIX_MYSQL),
    Refusal(r"\((2003|2006|2013),", _SILENT, _LOOK_BETWEEN),
)
_REFUSALS: Final = {"postgresql": _POSTGRESQL, "mysql": _MYSQL}
_UNKNOWN: Final = Refusal("", "The server refuses: {text}", "Look into the server's log.")


def find_refusal(text: str, driver: str) -> Refusal:
    """Return what a driver means by what it says when it cannot connect."""
    known = _REFUSALS[engine_name(driver)]
    return next((one for one in known if re.search(one.pattern, text)), _UNKNOWN)
