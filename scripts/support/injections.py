"""Look for SQL injection with sqlmap: in every parameter of the API, on every engine there is.

Called by scripts/scan_sql_injection. Knows what the API's description says and no route; judges
nothing itself: what sqlmap says is what is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from scripts.support.targets import FORMATS, Target, list_targets  # noqa: E402 - found only now

SQLMAP = ROOT / ".venv/sqlmap/sqlmap/sqlmap.py"
CLEAN, FOUND, BROKEN = 0, 1, 2
DBMS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MySQL"}
TECHNIQUES = "BEUST"  # Boolean, error, union, stacked, time: everything sqlmap has but inline.
SECONDS = 900


@dataclass(frozen=True)
class Verdict:
    """What sqlmap said of a target: clean, found or broken."""

    engine: str
    target: str
    outcome: str
    said: str


def main(arguments: list[str]) -> int:
    """Scan and return the exit code."""
    options = read_options(arguments)
    if not SQLMAP.exists():
        print("sqlmap is not installed; scripts/scan_sql_injection installs it.", file=sys.stderr)
        return BROKEN
    verdicts = [verdict for engine in options.engine for verdict in scan_engine(engine, options)]
    return report(verdicts, as_json=options.json)


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; wrong use ends the program with 2."""
    parser = argparse.ArgumentParser(prog="scripts/scan_sql_injection", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--engine", action="append", choices=sorted(DBMS))
    options = parser.parse_args(arguments)
    if not options.engine:
        options.engine = ["sqlite"] if options.quick else available_engines()
    return options


def available_engines() -> list[str]:
    """List the engines of which the suite would find a server."""
    from tests.support.run import sources  # noqa: PLC0415 - the suite's servers, only if needed

    return list(sources())


def scan_engine(engine: str, options: argparse.Namespace) -> list[Verdict]:
    """Start the service on a new database of an engine, and try everything."""
    verdicts = []
    with serving(engine) as url, tempfile.TemporaryDirectory() as folder:
        targets = list(list_targets(read_description(url), url))
        for number, target in enumerate(targets, 1):
            verdict = try_target(engine, target, Path(folder), is_quick=options.quick)
            print(
                f"{engine} {number}/{len(targets)} {target.name}: {verdict.outcome}",
                file=sys.stderr,
                flush=True,
            )
            verdicts.append(verdict)
    return verdicts


def report(verdicts: list[Verdict], *, as_json: bool) -> int:
    """Print the result and return the exit code."""
    counts = {
        kind: sum(v.outcome == kind for v in verdicts) for kind in ("clean", "found", "broken")
    }
    if as_json:
        print(json.dumps({"counts": counts, "targets": [asdict(v) for v in verdicts]}, indent=2))
    else:
        for verdict in verdicts:
            if verdict.outcome != "clean":
                print(
                    f"{verdict.outcome.upper()}: {verdict.engine} {verdict.target}\n{verdict.said}"
                )
        print(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    if counts["found"]:
        return FOUND
    return BROKEN if counts["broken"] or not verdicts else CLEAN


def try_target(engine: str, target: Target, folder: Path, *, is_quick: bool) -> Verdict:
    """Let sqlmap try one request."""
    request = folder / "request"
    request.write_text(target.request)
    command = [
        *(sys.executable, str(SQLMAP), "-r", str(request), "--batch", "--flush-session"),
        *("--disable-coloring", "--ignore-code=*", "--retries=1", "--timeout=20", "--time-sec=2"),
        *(f"--dbms={DBMS[engine]}", f"--technique={'BE' if is_quick else TECHNIQUES}"),
        *("--level=1", "--risk=1", f"--output-dir={folder / 'out'}"),
    ]
    # It keeps notes in the home directory, and nothing of the machine's settings is its business.
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return Verdict(engine, target.name, "broken", f"sqlmap took more than {SECONDS} s.")
    if "identified the following injection point" in done.stdout:
        return Verdict(engine, target.name, "found", done.stdout.partition("---")[2])
    if "tested parameters do not appear to be injectable" in done.stdout:
        return Verdict(engine, target.name, "clean", "")
    return Verdict(engine, target.name, "broken", (done.stdout + done.stderr)[-1000:])


def read_description(url: str) -> dict[str, Any]:
    """Ask the service what it takes."""
    import httpx  # noqa: PLC0415 - only where there is something to ask

    answer: dict[str, Any] = httpx.get(f"{url}/openapi.json", trust_env=False).json()
    return answer


@contextmanager
def serving(engine: str) -> Iterator[str]:
    """Serve the application on a new, migrated database; give its address."""
    from tests.support.databases import migrated_database  # noqa: PLC0415 - likewise
    from tests.support.run import Run  # noqa: PLC0415 - likewise
    from tests.support.service import connected, settings_for  # noqa: PLC0415 - likewise
    from tests.support.serving import served  # noqa: PLC0415 - likewise

    with ExitStack() as stack:
        run = Run.begin()
        stack.callback(run.end)
        database = stack.enter_context(migrated_database(run, engine))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = settings_for(database, folder).model_copy(update={"log_level": "error"})
        stack.enter_context(connected(settings))
        yield stack.enter_context(served(_signed_in(settings)))


def _signed_in(settings: Any) -> WSGIApplication:
    """Return the application, with an administrator's token where a request brings none.

    A limit of one account would hide what stands behind it, so there is none during a scan.
    """
    from app import create_app  # noqa: PLC0415 - likewise
    from app.usecases import lockout  # noqa: PLC0415 - likewise

    limit = replace(lockout.ACCOUNT_LIMIT, free_attempts=10**9)
    lockout.ACCOUNT_LIMIT = limit  # type: ignore[misc]  # see above
    application = create_app(settings)
    tokens = {"now": ""}

    def serve(environ: WSGIEnvironment, start: StartResponse) -> Any:
        if "HTTP_AUTHORIZATION" not in environ:
            # What is tried includes signing out and deleting the account.
            tokens["now"] = tokens["now"] if _is_valid(tokens["now"]) else _sign_in()
            environ["HTTP_AUTHORIZATION"] = f"Bearer {tokens['now']}"
        return application(environ, start)

    return serve


def _is_valid(token: str) -> bool:
    from app.errors import Unauthorized  # noqa: PLC0415 - likewise
    from app.models import release  # noqa: PLC0415 - likewise
    from app.usecases import sessions  # noqa: PLC0415 - likewise

    try:
        sessions.authenticate(token)
    except Unauthorized:
        return False
    finally:
        release()
    return True


def _sign_in() -> str:
    """Make an administrator who has done something, and return a token."""
    from tests.factories import make_admin, make_history  # noqa: PLC0415 - likewise
    from tests.support.people import tokens_for  # noqa: PLC0415 - likewise

    admin = make_admin()
    make_history(admin["id"], id=UUID(FORMATS["uuid"]))
    return tokens_for(admin).access_token


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
