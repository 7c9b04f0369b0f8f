"""What the commands of ``backend import json`` share: database, account, progress, and the ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from alembic.config import Config
from sqlalchemy import URL

from app.cli.edges import MISUSED, end, require_settings
from app.cli.progress import progress
from app.config import ALEMBIC_INI, Settings
from app.errors import AppError
from bilayer import migrate
from bilayer.errors import BilayerError
from bilayer.urls import parse_url

if TYPE_CHECKING:
    from app.operations.importer.journal import Asked
    from app.operations.importer.walking import Watching


@dataclass(frozen=True, slots=True)
class Task:
    """What a command has to do.

    Attributes:
        asked: What it is asked for.
        watching: Who is told how far it is.
        settings: Those of the service.
    """

    asked: "Asked"
    watching: "Watching"
    settings: Settings


@contextmanager
def importing(options: dict[str, Any], *, is_json: bool, verb: str) -> Iterator[Task]:
    """Connect the database, find the account, and tell what goes wrong in a line.

    Args:
        options: Of the command.
        is_json: Whether a program reads the answer.
        verb: What is done to records.
    """
    from app.log import configure_logging  # noqa: PLC0415 - the whole runtime, for these commands only
    from app.models import close_db, init_db  # noqa: PLC0415 - likewise
    from app.operations.importer.walking import Watching  # noqa: PLC0415 - likewise

    settings = _settings(options["database"])
    configure_logging("error", sys.stderr)
    init_db(settings)
    try:
        with _told(), progress(verb, is_silent=is_json) as news:
            require_head(settings)
            say = _keep_quiet if is_json else _say
            watching = Watching(say, news.begin, news.advance)
            yield Task(_asked(options, settings), watching, settings)
    finally:
        close_db()


@contextmanager
def _told() -> Iterator[None]:
    """End the command with a line where it could not do what it was asked for."""
    from app.operations.importer.records import UnreadableSource  # noqa: PLC0415 - likewise
    from app.operations.importer.refusals import Refused  # noqa: PLC0415 - likewise

    try:
        yield
    except AppError as error:
        end(error.message, MISUSED)
    except (Refused, UnreadableSource) as error:
        end(str(error), MISUSED)
    except BilayerError as error:
        end(f"The database: {error}. What has begun is gone on with by the same command.", MISUSED)
    except KeyboardInterrupt:
        end("Stopped. What has begun is gone on with by the same command.", MISUSED)


def _settings(database: str | None) -> Settings:
    settings = require_settings()
    try:
        url = settings.url if database is None else parse_url(database)
    except ValueError as error:
        end(f"--database: {error}", MISUSED)
    require_file(url)
    return settings.model_copy(update={"url": url})


def require_file(url: URL) -> None:
    """End the command where SQLite would make a database that is not there."""
    if url.drivername == "sqlite" and not Path(str(url.database)).is_file():
        end(f"There is no database {url.database}. Run `backend db upgrade` first.", MISUSED)


def require_head(settings: Settings) -> None:
    """End the command at a database of another revision, before anything is read or written."""
    from app.models import list_revisions  # noqa: PLC0415 - likewise

    needed = migrate.head(Config(ALEMBIC_INI))
    found = list_revisions()
    if found != [needed]:
        at = ", ".join(found) or "no revision"
        place = settings.url.render_as_string()
        sentence = f"{place} is at {at}; this code needs {needed}: run `backend db upgrade`."
        end(sentence, MISUSED)


def _asked(options: dict[str, Any], settings: Settings) -> "Asked":
    from app.operations.importer.journal import Asked  # noqa: PLC0415 - likewise
    from app.operations.importer.refusals import Refused  # noqa: PLC0415 - likewise
    from app.usecases.statements import require_account  # noqa: PLC0415 - likewise

    account = require_account(options["owner"])
    if account["is_deleted"]:
        raise Refused(f"The account {options['owner']} was deleted.")
    user_id: UUID = account["id"]
    return Asked(
        user_id,
        settings.data_dir,
        options.get("source"),
        options.get("profile"),
        options.get("run_id"),
    )


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _keep_quiet(_: str) -> None:
    """Say nothing: a program reads the answer."""
