"""``backend backup``: backups, and whether they can be restored."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from app.cli.backup_edges import facts_of, place_of, read_url, rows_of, telling, working
from app.cli.backup_restore import restore
from app.cli.edges import EXIT_CODES, answer, as_json, require_settings

if TYPE_CHECKING:
    from app.operations.backup.creating import Place
    from app.operations.backup.manifest import Manifest

_scratch = click.option(
    "--scratch-url",
    metavar="URL",
    help="Beside which database to make scratch databases; @FILE reads it from a file.",
)


@click.group(epilog=EXIT_CODES)
def backup() -> None:
    """Make backups of the database, and see whether they restore; see docs/operations/backups.md.

    Backups are in BACKUP_DIR. The database is read as MIGRATION_DATABASE_URL, else DATABASE_URL.

    \b
    Example:
      backend backup create --verify
      backend backup prune
    """


backup.add_command(restore)


@backup.command(epilog=EXIT_CODES)
@click.option("--verify", "is_verified", is_flag=True, help="Verify it at once.")
@_scratch
@as_json
def create(*, is_verified: bool, scratch_url: str | None, is_json: bool) -> None:
    """Make a backup while the service runs, encrypted for BACKUP_RECIPIENTS if there are any.

    \b
    Example:
      backend backup create --verify
    """
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.health import known_revisions  # noqa: PLC0415 - likewise
    from app.operations.backup.creating import columns_of, create_backup  # noqa: PLC0415 - likewise
    from app.usecases.backups import note  # noqa: PLC0415 - likewise

    head, _ = known_revisions()
    with working() as (settings, place), telling(is_json=is_json) as tell:
        url = settings.migration_url
        scratch = read_url(scratch_url) or url
        manifest = create_backup(url, place, at=clock.now(), head=head, tell=tell)
        note(manifest.name, **columns_of(manifest))
        if is_verified:
            _verify(place, manifest.name, scratch, tell)
    verified = ", and it restores" if is_verified else ""
    text = f"{manifest.name}: {manifest.size_bytes} bytes, {rows_of(manifest)} rows{verified}."
    answer(is_json, facts_of(manifest) | {"is_verified": is_verified}, text)


@backup.command("list", epilog=EXIT_CODES)
@as_json
def list_(*, is_json: bool) -> None:
    """List the backups there are, the newest first, and when each was verified.

    \b
    Example:
      backend backup list --json
    """
    from app.models import close_db, init_db  # noqa: PLC0415 - likewise
    from app.operations.backup.errors import BackupError  # noqa: PLC0415 - likewise
    from app.operations.backup.manifest import read_manifest  # noqa: PLC0415 - likewise

    settings = require_settings()
    folder = place_of(settings).folder
    init_db(settings)
    try:
        verified = _verified()
    finally:
        close_db()
    items, lines = [], []
    for name in folder.names():
        try:
            facts = facts_of(read_manifest(folder.path / name))
        except BackupError as error:
            facts = {"name": name, "error": str(error)}
            lines.append(f"{name}  broken: {error}")
        else:
            at = verified.get(name)
            facts["verified_at"] = at and at.isoformat()
            closed = "encrypted" if facts["is_encrypted"] else "open"
            state = f"verified {at:%Y-%m-%d %H:%M}" if at else "never verified"
            lines.append(f"{name}  {facts['engine']}  {facts['bytes']} bytes  {closed}  {state}")
        items.append(facts)
    answer(is_json, {"backups": items}, "\n".join(lines) or "There is no backup.")


@backup.command(epilog=EXIT_CODES)
@click.argument("name", required=False)
@_scratch
@as_json
def verify(*, name: str | None, scratch_url: str | None, is_json: bool) -> None:
    """Restore backup NAME, else the newest, into a scratch database, and compare all of it.

    \b
    Example:
      backend backup verify
    """
    with working() as (settings, place), telling(is_json=is_json) as tell:
        manifest = _verify(place, name, read_url(scratch_url) or settings.migration_url, tell)
    text = f"{manifest.name} restores: {len(manifest.tables)} tables, {rows_of(manifest)} rows."
    answer(is_json, facts_of(manifest) | {"is_verified": True}, text)


@backup.command(epilog=EXIT_CODES)
@click.option("--dry-run", "is_dry", is_flag=True, help="Only tell what would be removed.")
@as_json
def prune(*, is_dry: bool, is_json: bool) -> None:
    """Remove all backups but the newest of each of 7 days, 4 weeks and 12 months.

    The last one that was verified is kept too.

    \b
    Example:
      backend backup prune --dry-run
    """
    from app.operations.backup.pruning import prune as remove  # noqa: PLC0415 - likewise
    from app.usecases.backups import forget, get_last_verified_backup  # noqa: PLC0415 - likewise

    with working() as (_, place):
        last = get_last_verified_backup(place.folder.names())
        kept, removed = remove(place.folder, last["name"] if last else None, is_dry=is_dry)
        if not is_dry:
            forget(removed)
    lines = [f"{'Would remove' if is_dry else 'Removed'} {name}" for name in removed]
    text = "\n".join([*lines, f"{len(kept)} backups are kept."])
    answer(is_json, {"kept": kept, "removed": removed, "is_dry_run": is_dry}, text)


def _verify(
    place: "Place", name: str | None, scratch: sa.URL, tell: Callable[[str], None]
) -> "Manifest":
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.health import known_revisions  # noqa: PLC0415 - likewise
    from app.operations.backup.creating import columns_of  # noqa: PLC0415 - likewise
    from app.operations.backup.verifying import verify_backup  # noqa: PLC0415 - likewise
    from app.usecases.backups import known_digest, note  # noqa: PLC0415 - likewise

    folder = place.folder.find(name)
    manifest = verify_backup(
        folder,
        scratch,
        place,
        head=known_revisions()[0],
        known=known_digest(folder.name),
        tell=tell,
    )
    note(manifest.name, verified_at=clock.now(), **columns_of(manifest))
    return manifest


def _verified() -> dict[str, Any]:
    """Return when backups were verified, as far as the database can tell."""
    from app.usecases.backups import list_backups  # noqa: PLC0415 - likewise
    from bilayer.runtime import DatabaseError  # noqa: PLC0415 - likewise

    try:
        return {row["name"]: row["verified_at"] for row in list_backups()}
    except DatabaseError:
        click.echo("The database does not say which of them were verified.", err=True)
        return {}
