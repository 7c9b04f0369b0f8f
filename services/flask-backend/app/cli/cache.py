"""``backend cache``: the answers that were computed before."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.cli.edges import EXIT_CODES, answer, as_json, connected
from app.vocabulary import CacheScope


@click.group(epilog=EXIT_CODES)
def cache() -> None:
    """Look after the query cache.

    \b
    Example:
      backend cache stats
    """


@cache.command(epilog=EXIT_CODES)
@as_json
def cleanup(*, is_json: bool) -> None:
    """Delete what has expired, then the oldest answers until QUERY_CACHE_MAX_BYTES holds them.

    `backend maintenance run` does it too, with everything else.

    \b
    Example:
      backend cache cleanup
    """
    from app.usecases.cache_storage import tidy  # noqa: PLC0415 - the whole runtime, for this command only

    deleted = 0
    with _bounded():
        while count := tidy():
            deleted += count
    answer(is_json, {"deleted": deleted}, f"Deleted {deleted} answers.")


@cache.command(epilog=EXIT_CODES)
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in CacheScope]),
    help="Only answers of this scope.",
)
@as_json
def clear(*, scope: str | None, is_json: bool) -> None:
    """Delete all answers, while others read and write. What is stored meanwhile stays.

    \b
    Example:
      backend cache clear --scope public
    """
    from app import clock  # noqa: PLC0415 - likewise
    from app.usecases.cache_storage import clear as clear_batch  # noqa: PLC0415 - likewise

    deleted, chosen = 0, CacheScope(scope) if scope else None
    with _bounded():
        began = clock.now()
        while count := clear_batch(chosen, began):
            deleted += count
    answer(is_json, {"deleted": deleted}, f"Deleted {deleted} answers.")


@cache.command(epilog=EXIT_CODES)
@as_json
def stats(*, is_json: bool) -> None:
    """Show how many answers there are, how large, and how many have expired, by scope.

    \b
    Example:
      backend cache stats --json
    """
    from app.usecases.cache_storage import count_answers  # noqa: PLC0415 - likewise

    with _bounded():
        found = count_answers()
    lines = (
        f"{scope}: {row['entries']} answers, {row['bytes']} bytes, {row['expired']} expired"
        for scope, row in found.items()
    )
    facts = {str(scope): row for scope, row in found.items()}
    answer(is_json, facts, "\n".join(lines))


@contextmanager
def _bounded() -> Iterator[None]:
    """Let a command use the cache, bounded as the settings say."""
    from app.usecases.cache_storage import set_bounds  # noqa: PLC0415 - likewise

    with connected() as settings:
        set_bounds(max_bytes=settings.query_cache_max_bytes, copy_bytes=0)
        yield
