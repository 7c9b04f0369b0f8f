"""``backend backup restore``: a backup becomes a database that may serve."""

import click
import sqlalchemy as sa
from pydantic import SecretStr

from app.cli.backup_edges import facts_of, read_url, rows_of, telling, working
from app.cli.edges import EXIT_CODES, answer, as_json, end
from app.config import Settings


@click.command(epilog=EXIT_CODES)
@click.argument("name")
@click.option("--to", "to_url", metavar="URL", help="Another database than the configured one.")
@click.option("--replace", is_flag=True, help="Make a backup of what is there, and take it away.")
@as_json
def restore(*, name: str, to_url: str | None, replace: bool, is_json: bool) -> None:
    """Restore backup NAME into an empty database. Stop the service before.

    Then devices fetch everything anew, all sessions are ended, and whoever is known to have been
    erased is erased again. URL is that of the role that owns tables; @FILE reads it from a file.

    \b
    Example:
      backend backup restore 20261120T224500Z-3f9a1c07 --replace
    """
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.health import known_revisions  # noqa: PLC0415 - likewise
    from app.operations.backup.restoring import Destination, restore_backup  # noqa: PLC0415

    head, _ = known_revisions()
    with working() as (settings, place), telling(is_json=is_json) as tell:
        to = Destination(settings.migration_url, settings)
        if (url := read_url(to_url)) is not None:
            to = Destination(url, _settings_for(url, settings))
        folder = place.folder.find(name)
        done = restore_backup(
            folder, to, place, at=clock.now(), head=head, replace=replace, tell=tell
        )
    adjusted = done.adjusted
    facts = facts_of(done.manifest) | {
        "replaced": done.replaced and done.replaced.name,
        "epoch": str(adjusted.epoch),
        "sessions_ended": adjusted.sessions,
        "erased_again": adjusted.erased,
        "refused": adjusted.refused,
        "unread": done.unread,
    }
    before = f" What was there is {done.replaced.name}." if done.replaced else ""
    text = (
        f"Restored {name}, {rows_of(done.manifest)} rows, equal to what was backed up.{before}\n"
        f"Ended {adjusted.sessions} sessions, erased {adjusted.erased} accounts again; devices"
        " fetch everything.\nStill yours: erase who was erased since the last backup, and let"
        " Stripe send its events since then again: docs/operations/backups.md."
    )
    answer(is_json, facts, text)
    flaws = [f"It is not known who was erased until then: {why}" for why in done.unread]
    if flaws or adjusted.refused:
        end("\n".join([*flaws, *adjusted.refused]))


def _settings_for(url: sa.URL, settings: Settings) -> Settings:
    """Return the same settings with another database."""
    given = {name: getattr(settings, name) for name in Settings.model_fields}
    text = SecretStr(url.render_as_string(hide_password=False))
    given |= {"database_url": text, "database_host": None, "migration_database_url": None}
    return Settings.model_construct(**given)
