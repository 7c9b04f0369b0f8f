"""What the commands of ``backend backup`` share: where they work, how they tell, how they end."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
import sqlalchemy as sa

from app.cli.edges import MISUSED, end, require_settings, told
from app.config import Settings
from bilayer.urls import UnsupportedURL, parse_url

if TYPE_CHECKING:
    from app.operations.backup.creating import Place
    from app.operations.backup.manifest import Manifest

_NEWS_SECONDS: Final = 5.0


def place_of(settings: Settings) -> "Place":
    """Return where backups are, and for whom they are encrypted."""
    from app.operations.backup.creating import Place  # noqa: PLC0415 - likewise
    from app.operations.backup.folder import BackupFolder  # noqa: PLC0415 - likewise

    identity = settings.backup_identity
    return Place(
        BackupFolder(settings.backup_dir or settings.data_dir / "backups"),
        settings.recipients,
        identity.get_secret_value() if identity else None,
    )


@contextmanager
def working() -> Iterator[tuple[Settings, "Place"]]:
    """Work alone on the backups, with the database, until the end or SIGTERM."""
    from app.log import configure_logging  # noqa: PLC0415 - likewise
    from app.models import close_db, init_db  # noqa: PLC0415 - likewise
    from app.operations.backup.errors import BackupError  # noqa: PLC0415 - likewise

    settings = require_settings()
    configure_logging(settings.log_level, sys.stderr)
    place = place_of(settings)
    before = signal.signal(signal.SIGTERM, _stop)
    with told():
        init_db(settings)
        try:
            with place.folder.lock():
                yield settings, place
        except BackupError as error:
            end(str(error))
        finally:
            close_db()
            signal.signal(signal.SIGTERM, before)


def _stop(*_: object) -> NoReturn:
    """End as any other failure does, so that nothing is left behind."""
    raise SystemExit(128 + signal.SIGTERM)


@contextmanager
def telling(*, is_json: bool) -> Iterator[Callable[[str], None]]:
    """Show on standard error what is being done: all of it on a terminal, else now and then."""
    if is_json:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield _tell_now_and_then()
        return
    from rich.console import Console  # noqa: PLC0415 - for terminals only
    from rich.progress import (  # noqa: PLC0415 - likewise
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("beginning", total=None)
        yield lambda text: progress.update(task, description=text)


def _tell_now_and_then() -> Callable[[str], None]:
    last = -_NEWS_SECONDS

    def tell(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _NEWS_SECONDS:
            last = time.monotonic()
            click.echo(text, err=True)

    return tell


def read_url(text: str | None) -> sa.URL | None:
    """Return the URL that an option gives, or that stands in the file it names."""
    if text is None:
        return None
    try:
        if text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8").strip()
        return parse_url(text)
    except (OSError, UnicodeDecodeError, UnsupportedURL) as error:
        end(f"The option's URL cannot be used: {error}", MISUSED)


def facts_of(manifest: "Manifest") -> dict[str, Any]:
    """Return what a program is told of a backup."""
    return {
        "name": manifest.name,
        "created_at": manifest.created_at,
        "engine": manifest.engine,
        "revision": manifest.revision,
        "app_version": manifest.app_version,
        "bytes": manifest.size_bytes,
        "sha256": manifest.digest,
        "is_encrypted": manifest.is_encrypted,
        "audit_head": manifest.audit_head,
        "rows": rows_of(manifest),
    }


def rows_of(manifest: "Manifest") -> int:
    """Count the rows of all tables."""
    return sum(int(table["rows"]) for table in manifest.tables.values())
