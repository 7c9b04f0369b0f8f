"""``backend sync torture``: whether readers see every change once, while many write."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

import click

from app.cli.edges import EXIT_CODES, FAILED, as_json, require_settings, told

_MAX_WRITERS: Final = 64
_MAX_USERS: Final = 1000
_MAX_SECONDS: Final = 86_400


@click.command(epilog=EXIT_CODES)
@click.option(
    "--writers",
    type=click.IntRange(1, _MAX_WRITERS),
    default=16,
    show_default=True,
    help="How many write at once.",
)
@click.option(
    "--users",
    type=click.IntRange(1, _MAX_USERS),
    default=1,
    show_default=True,
    help="To how many accounts they write.",
)
@click.option(
    "--seconds",
    type=click.IntRange(1, _MAX_SECONDS),
    default=30,
    show_default=True,
    help="For how long.",
)
@click.option(
    "--cursor",
    type=click.Choice(("version", "timestamp")),
    default="version",
    show_default=True,
    help="By what readers know where they are.",
)
@click.option("--plant", type=click.Choice(("lost", "repeated")), hidden=True)
@as_json
def torture(
    *, writers: int, users: int, seconds: int, cursor: str, plant: str | None, is_json: bool
) -> None:
    """Write and read at once, and count the changes that readers lost or got twice.

    Transactions are held open for a random while, and some are rolled back. Version is the cursor
    of this service. Timestamp is the usual one, "what is newer than the newest I have", over rows
    that have the time at which their transaction began, as DEFAULT now() gives it: a reader passes
    by what is committed after something younger. On SQLite, which lets one write at a time, nothing
    is.

    Makes accounts of its own, and removes them; stop it with Ctrl-C or SIGTERM. The last line is
    one JSON object; with --json the only one. If anything is lost or repeated the exit code is 1.

    \b
    Example:
      backend sync torture --writers 16 --seconds 30
      backend sync torture --cursor timestamp --users 50
    """
    from app.log import configure_logging  # noqa: PLC0415 - likewise
    from app.models import close_db, get_database, init_db  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases.sync.torture.race import MAX_READERS, Cursor, Plan, run_race  # noqa: PLC0415 - likewise
    from app.usecases.sync.torture.readers import Fault  # noqa: PLC0415 - likewise

    settings = require_settings()
    configure_logging("error", sys.stderr)
    plan = Plan(writers, users, seconds, Cursor(cursor), Fault(plant) if plant else None)
    places = {"db_pool_size": writers + MAX_READERS + 1, "db_max_overflow": 0}
    with told(), _ending_well():
        init_db(settings.model_copy(update=places))
        try:
            outcome = run_race(plan, lambda sentence: click.echo(sentence, err=True))
            is_mariadb = getattr(get_database().engine.dialect, "is_mariadb", False)
            engine = "mariadb" if is_mariadb else get_database().engine_name
        finally:
            close_db()
    if not is_json:
        click.echo(f"{outcome.written} changes, {outcome.lost} lost, {outcome.repeated} repeated.")
    click.echo(json.dumps(asdict(outcome) | {"cursor": cursor, "engine": engine}))
    if outcome.lost or outcome.repeated:
        raise SystemExit(FAILED)


@contextmanager
def _ending_well() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does, which removes what it has made."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
