"""What every command shares: settings and database, the two ways to answer, the exit codes."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click
import sqlalchemy as sa
from alembic.util import CommandError

from app.config import Settings, SettingsError, get_settings
from app.errors import AppError
from bilayer.errors import BilayerError

FAILED: Final = 1
MISUSED: Final = 2
EXIT_CODES: Final = "Exit codes: 0 done; 1 it failed; 2 the command or a setting is wrong."
"""The last line of every command's help."""

as_json = click.option("--json", "is_json", is_flag=True, help="Answer in JSON, for programs.")


def require_settings() -> Settings:
    """Return the settings, or end the command with a line for each that is wrong."""
    try:
        return get_settings()
    except SettingsError as error:
        end(str(error), MISUSED)


@contextmanager
def told() -> Iterator[None]:
    """Turn the failures an operator can do something about into a sentence and exit code 1."""
    try:
        yield
    except AppError as error:
        end("\n".join([error.message, *(f"{one.field}: {one.message}" for one in error.errors)]))
    except SettingsError as error:
        end(str(error), MISUSED)
    except (BilayerError, CommandError) as error:
        end(str(error))
    except sa.exc.DBAPIError as error:
        end(f"The database refused: {error.orig}")


@contextmanager
def connected() -> Iterator[Settings]:
    """Connect the database that the settings name, and tell what goes wrong with it."""
    from app.log import configure_logging  # noqa: PLC0415 - the whole runtime, for these commands only
    from app.models import close_db, init_db  # noqa: PLC0415 - likewise

    settings = require_settings()
    configure_logging(settings.log_level, sys.stderr)
    with told():
        init_db(settings)
        try:
            yield settings
        finally:
            close_db()


def answer(is_json: bool, facts: dict[str, Any], sentence: Callable[[], str] | str) -> None:  # noqa: FBT001 - the flag of the command, passed on
    """Print the facts for programs, or the sentence for people."""
    if is_json:
        click.echo(json.dumps(facts))
    else:
        click.echo(sentence if isinstance(sentence, str) else sentence())


def end(message: str, code: int = FAILED) -> NoReturn:
    """Say why on standard error, and exit."""
    click.echo(message, err=True)
    raise SystemExit(code)
