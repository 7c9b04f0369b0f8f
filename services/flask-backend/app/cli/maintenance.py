"""``backend maintenance``: what a cron runs."""

import sys

import click

from app.cli.edges import EXIT_CODES, FAILED, MISUSED, answer, as_json, end, require_settings, told


@click.group(epilog=EXIT_CODES)
def maintenance() -> None:
    """Take away what is no use any more. docs/operations/maintenance.md says how often.

    \b
    Example:
      backend maintenance run
    """


@maintenance.command(epilog=EXIT_CODES)
@click.option("--job", "names", multiple=True, metavar="NAME", help="Only this job; repeatable.")
@as_json
def run(*, names: tuple[str, ...], is_json: bool) -> None:
    """Run the jobs in small batches until nothing is left, and tell of it on standard error.

    Any number may be started at once: one works, the others say so and have nothing to do. If a
    job fails the others still run, and the exit code is 1.

    \b
    Example:
      backend maintenance run
      backend maintenance run --job query_cache --job leases --json
    """
    from app.log import configure_logging  # noqa: PLC0415 - likewise
    from app.models import close_db, init_db  # noqa: PLC0415 - the whole runtime, for this command only
    from app.operations.storage import use_storage  # noqa: PLC0415 - likewise
    from app.usecases.cache_storage import set_bounds  # noqa: PLC0415 - likewise
    from app.usecases.maintenance import JOBS, State, run_jobs  # noqa: PLC0415 - likewise

    unknown = [name for name in names if name not in JOBS]
    if unknown:
        end(f"{unknown[0]} is no job; the jobs are {', '.join(JOBS)}.", MISUSED)
    settings = require_settings()
    configure_logging(settings.log_level, sys.stderr)
    set_bounds(max_bytes=settings.query_cache_max_bytes, copy_bytes=0)
    with told():
        init_db(settings)
        use_storage(settings)
        try:
            outcomes = run_jobs(
                names or list(JOBS), lambda job, count: click.echo(f"{job}: {count}", err=True)
            )
        finally:
            close_db()
    facts = {each.job: {"count": each.count, "state": each.state} for each in outcomes or ()}
    lines = [f"{each.job}: {each.count} {each.state}" for each in outcomes or ()]
    text = "\n".join(lines) or "Somebody else does the maintenance; there is nothing to do here."
    answer(is_json, {"is_working": outcomes is not None, "jobs": facts}, text)
    if any(each.state is not State.DONE for each in outcomes or ()):
        raise SystemExit(FAILED)
