"""What servers say to those they do not let in, as drivers hand it on."""

from __future__ import annotations

import pytest

from app.operations.refusals import find_refusal

FATAL = 'connection to server at "db.example.com" (192.0.2.1), port 5432 failed: FATAL:  '
LASTING = {
    f'{FATAL}password authentication failed for user "a"': "user with this password",
    f"{FATAL}SASL authentication failed": "user with this password",
    f'{FATAL}role "a" does not exist': "no such user",
    f'{FATAL}role "a" is not permitted to log in': "may not sign in",
    f'{FATAL}database "a" does not exist': "no such database",
    f"{FATAL}no such database: a": "no such database",
    f"{FATAL}unsupported startup parameter in options: statement_timeout": "pooler",
    'root certificate file "/a/role/b.pem" does not exist': "root certificate",
    "(1045, \"Access denied for user 'a'@'b' (using password: YES)\")": "user with this password",
    "(1049, \"Unknown database 'a'\")": "no such database",
    "(1130, \"Host 'a' is not allowed to connect to this MariaDB server\")": "this machine",
}
PASSING = [
    f"{FATAL}the database system is starting up",
    f"{FATAL}sorry, too many clients already",
    f'{FATAL}too many connections for role "app_rw"',
    'connection to server at "a", port 5432 failed: Connection refused',
    'connection to server at "a", port 5432 failed: session is read-only',
    'connection to server at "a", port 5432 failed: timeout expired',
    'connection to server at "a", port 5432 failed: SSL SYSCALL error: EOF detected',
    'could not translate host name "a" to address: Temporary failure in name resolution',
    "(1040, 'Too many connections')",
    "(2003, \"Can't connect to MySQL server on 'a' ([Errno 111] Connection refused)\")",
    "(2013, 'Lost connection to MySQL server during query (timed out)')",
]


def driver_of(said: str) -> str:
    return "mysql" if said.startswith("(") else "postgresql"


@pytest.mark.parametrize(("said", "reason"), LASTING.items())
def test_refusal_that_time_does_not_mend_has_a_reason_without_values(
    said: str, reason: str
) -> None:
    found = find_refusal(said, driver_of(said))

    assert found.reason
    assert reason in found.reason
    assert "{" not in found.reason


@pytest.mark.parametrize("said", PASSING)
def test_refusal_that_may_pass_is_waited_for(said: str) -> None:
    found = find_refusal(said, driver_of(said))

    assert found.reason is None
    assert found.fix
