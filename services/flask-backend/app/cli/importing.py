"""``backend import json``: JSON files brought into the database, and all that goes with that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from app.cli.edges import FAILED, answer, as_json
from app.cli.importing_edges import importing
from app.cli.importing_reports import (
    plan_facts,
    plan_sentences,
    retried_facts,
    retried_sentences,
    run_facts,
    run_sentences,
    status_facts,
    status_sentences,
    undone_facts,
    undone_sentences,
    verified_facts,
    verified_sentences,
)
from app.cli.learning_files import drift, to_database, to_json

EXIT_CODES: Final = (
    "Exit codes: 0 done, and nothing is left over; 1 something is in quarantine, differs or was"
    " refused; 2 it could not be done: a file, an option or the database is not as it must be."
)

_source: Final = click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of the files.",
)
_owner: Final = click.option(
    "--owner", required=True, metavar="EMAIL", help="Whose learners they are; an id will do."
)
_profile: Final = click.option(
    "--profile", metavar="ID", help="The learner of cards and messages, which do not say it."
)
_run: Final = click.option(
    "--run", "run_id", type=click.UUID, metavar="ID", help="Which import; else the newest."
)
_database: Final = click.option(
    "--database", metavar="URL", help="The database, if it is not the configured one."
)


def _options(
    *options: Callable[[Callable[..., None]], Callable[..., None]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in (as_json, _database, *reversed(options)):
            command = option(command)
        return command

    return add


@click.group("import", epilog=EXIT_CODES)
def import_group() -> None:
    """Bring learners in from JSON files; see docs/operations/import.md.

    \b
    Example:
      backend import json plan --source ./old --owner ada@example.com
      backend import drift
    """


for command in (drift, to_json, to_database):
    import_group.add_command(command)


@import_group.group("json", epilog=EXIT_CODES)
def import_json() -> None:
    """Bring child_profiles.json (or profiles/*.json), approved_cards.json, chat_history.json in.

    \b
    Example:
      backend import json plan --source ./old --owner ada@example.com --profile anna
      backend import json run --source ./old --owner ada@example.com --profile anna
      backend import json verify --owner ada@example.com
    """


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _profile)
def plan(*, is_json: bool, **options: Any) -> None:  # Any: click's, each with its own type
    """Tell what would be done, and each problem with file, place, value and rule. Writes nothing.

    \b
    Example:
      backend import json plan --source ./old --owner ada@example.com --profile anna
    """
    from app.operations.importer.plan import plan_import  # noqa: PLC0415 - the whole runtime, for this command only

    with importing(options, is_json=is_json, verb="looked at") as task:
        found = plan_import(task.asked, task.watching)
    answer(is_json, plan_facts(found), lambda: "\n".join(plan_sentences(found)))
    _exit(is_clean=not found.tally.refused and found.obstacle is None)


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _profile)
def run(*, is_json: bool, **options: Any) -> None:  # Any: likewise
    """Copy the files, and bring them in. The same files again change nothing.

    What was interrupted is gone on with.

    \b
    Example:
      backend import json run --source ./old --owner ada@example.com --profile anna
    """
    from app.operations.importer.run import run_import  # noqa: PLC0415 - likewise

    with importing(options, is_json=is_json, verb="imported") as task:
        report = run_import(task.asked, task.watching)
        facts = run_facts(report, task.settings)
    answer(is_json, facts, lambda: "\n".join(run_sentences(facts)))
    _exit(is_clean=not facts["refused"])


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _run)
def resume(*, is_json: bool, **options: Any) -> None:  # Any: likewise
    """Go on with an import that was interrupted. It has copies of its files.

    \b
    Example:
      backend import json resume --owner ada@example.com
    """
    from app.operations.importer.run import resume_import  # noqa: PLC0415 - likewise

    with importing(options, is_json=is_json, verb="imported") as task:
        report = resume_import(task.asked, task.watching)
        facts = run_facts(report, task.settings)
    answer(is_json, facts, lambda: "\n".join(run_sentences(facts)))
    _exit(is_clean=not facts["refused"])


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _run)
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the files again as the database has them, into a new folder.",
)
def verify(*, is_json: bool, export: Path | None, **options: Any) -> None:  # Any: likewise
    """Compare each record of the files with the database, and with what it makes of them again.

    \b
    Example:
      backend import json verify --owner ada@example.com --export ./again
    """
    from app.operations.importer.verify import verify_import  # noqa: PLC0415 - likewise

    with importing(options, is_json=is_json, verb="compared") as task:
        found = verify_import(task.asked, task.watching, export=export)
    answer(is_json, verified_facts(found), lambda: "\n".join(verified_sentences(found)))
    _exit(is_clean=not found.differing and not found.quarantined)


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _run)
def rollback(*, is_json: bool, **options: Any) -> None:  # Any: likewise
    """Remove exactly what an import has added; nothing, if somebody has changed any of it.

    \b
    Example:
      backend import json rollback --owner ada@example.com
    """
    from app.operations.importer.rollback import roll_back  # noqa: PLC0415 - likewise

    with importing(options, is_json=is_json, verb="removed") as task:
        undone = roll_back(task.asked, task.watching)
        sentences = undone_sentences(undone, task.settings.storage_mode)
    answer(is_json, undone_facts(undone), lambda: "\n".join(sentences))
    _exit(is_clean=not undone.obstacles)


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _run)
def status(*, is_json: bool, **options: Any) -> None:  # Any: likewise
    """Show the imports of an account, and what of the newest is in quarantine.

    \b
    Example:
      backend import json status --owner ada@example.com --json
    """
    from app.operations.importer.status import list_runs, read_status  # noqa: PLC0415 - likewise

    with importing(options, is_json=is_json, verb="read") as task:
        runs = list_runs(task.asked)
        found = [read_status(task.asked)] if runs or task.asked.run_id else []
    answer(is_json, status_facts(runs, found), lambda: "\n".join(status_sentences(runs, found)))
    _exit(is_clean=not any(one.refused for one in found))


@import_json.command(epilog=EXIT_CODES)
@_options(_source, _owner, _run)
def retry(*, is_json: bool, **options: Any) -> None:  # Any: likewise
    """Try what is in quarantine again, after what stood in its way is gone.

    A file that was corrected is another file: bring it in by `run`.

    \b
    Example:
      backend import json retry --owner ada@example.com
    """
    from app.operations.importer.retry import retry_import  # noqa: PLC0415 - likewise
    from app.operations.importer.status import status_of  # noqa: PLC0415 - likewise

    with importing(options, is_json=is_json, verb="tried") as task:
        retried = retry_import(task.asked, task.watching)
        left = status_of(retried.run)
    facts = retried_facts(retried, left)
    answer(is_json, facts, lambda: "\n".join(retried_sentences(retried, left)))
    _exit(is_clean=not left.refused)


def _exit(*, is_clean: bool) -> None:
    if not is_clean:
        raise SystemExit(FAILED)
