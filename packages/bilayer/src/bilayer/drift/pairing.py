"""Which source is compared with which, and what that needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from alembic.config import Config

from bilayer.drift.compare.catalogs import compare_catalogs
from bilayer.drift.compare.history import check_history, check_versions
from bilayer.drift.compare.runtime import compare_runtime
from bilayer.drift.compare.setup import check_models, check_runtime, check_unbuilt
from bilayer.drift.findings import Difference
from bilayer.drift.report import Failure
from bilayer.drift.snapshot import Schema
from bilayer.drift.sources import Sources
from bilayer.drift.values import check_values

_NEED: Final = "needs a scratch_url (--scratch-url or BILAYER_SCRATCH_URLS)"


def compare_pairs(sources: Sources) -> Iterator[Difference]:
    """Yield the differences of every pair both sides of which could be read."""
    sources.read_models()
    yield from check_models(sources.defined_twice, sources.lost_targets)
    if sources.runtime is not None:
        yield from check_runtime(sources.runtime, sources.models)
    if sources.models is not None and sources.runtime is not None:
        yield from compare_runtime("models-runtime", sources.models, sources.runtime)
    migrated = None
    if sources.config is not None and _has_scratch(sources):
        built, migrated = sources.build_both()
        yield from check_unbuilt(sources.unbuilt)
        if sources.history is not None:
            yield from check_history(sources.history, sources.models)
        if built is not None and migrated is not None:
            # What the models would have made of a table that cannot be built nobody knows.
            unbuilt = {each.table for each in sources.unbuilt}
            for difference in compare_catalogs("models-migrations", built, migrated):
                if difference.table not in unbuilt:
                    yield difference
    else:
        yield from check_unbuilt(sources.unbuilt)
    sources.read_live()
    if sources.live is not None and migrated is not None and sources.config is not None:
        yield from _compare_with_migrations(sources, sources.config, migrated, sources.live)
    if sources.live is not None and sources.runtime is not None:
        yield from compare_runtime("runtime-database", sources.live, sources.runtime)


def compare_values(sources: Sources) -> list[Difference]:
    """Write and read values through both layers, where there are two and a database."""
    if sources.runtime is None or not sources.metadatas:
        sources.not_done.append("values: needs both metadata and dal")
        return []
    if not sources.scratch.is_available:
        sources.not_done.append(f"values on {sources.engine}: {_NEED}")
        return []
    differences, failures = check_values(
        sources.metadatas, sources.dal, sources.runtime, sources.scratch
    )
    sources.failures += [Failure("values", reason) for reason in failures]
    return differences


def _has_scratch(sources: Sources) -> bool:
    if sources.scratch.is_available:
        return True
    pairs = "models-migrations" + (", migrations-database" if sources.url is not None else "")
    sources.not_done.append(f"{pairs} on {sources.engine}: {_NEED}")
    return False


def _compare_with_migrations(
    sources: Sources, config: Config, migrated: Schema, live: Schema
) -> Iterator[Difference]:
    """Compare the live database with what its own revision makes: behind is not altered."""
    history, versions = sources.history, sources.versions
    if history is None or versions is None:
        return
    difference = check_versions(history, versions, live)
    if difference is not None:
        yield difference
    if difference is None or difference.code in ("BL117", "BL118"):
        yield from compare_catalogs("migrations-database", migrated, live)
    elif len(versions) > 1:
        sources.not_done.append("migrations-database: the database is at several revisions")
    elif versions:
        earlier = sources.replay_to(config, versions[0])
        if earlier is not None:
            yield from _compare_behind(earlier, migrated, live)


def _compare_behind(earlier: Schema, head: Schema, live: Schema) -> Iterator[Difference]:
    """Compare with an earlier revision; mark what a later one makes, as after a killed upgrade."""
    still_there = {_key(each) for each in compare_catalogs("migrations-database", head, live)}
    for difference in compare_catalogs("migrations-database", earlier, live):
        if _key(difference) in still_there:
            yield difference
        else:
            message = f"{difference.message}; a later revision makes it so"
            yield dataclasses.replace(difference, message=message, is_later=True)


def _key(difference: Difference) -> tuple[str | None, ...]:
    return (difference.code, difference.table, difference.column, difference.right)
