"""``check``: reads the sources that were given, compares them in pairs, and reports."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.findings import Difference, Finding
from bilayer.drift.mend import Mender
from bilayer.drift.pairing import compare_pairs, compare_values
from bilayer.drift.passwords import hide_passwords, list_passwords
from bilayer.drift.readers.pydal import ADAPTERS
from bilayer.drift.readers.sqlalchemy import list_tables, load_dialect
from bilayer.drift.report import Failure, Report
from bilayer.drift.scratch.databases import scratch_databases
from bilayer.drift.snapshot import Schema
from bilayer.drift.sources import Sources
from bilayer.errors import BilayerError
from bilayer.urls import EngineName, engine_name, parse_url


def check(
    *,
    metadata: sa.MetaData | Sequence[sa.MetaData] | None = None,
    dal: Any = None,
    migrations: Config | None = None,
    url: str | sa.URL | sa.Engine | None = None,
    dialect: str | None = None,
    scratch_url: str | sa.URL | None = None,
    values: bool = False,
    adapter: str | None = None,
    ignore: Sequence[str] = (),
    root: Path | str | None = None,
) -> Report:
    """Compare every pair of the given sources on one engine.

    Args:
        metadata: The models: one or several ``MetaData``.
        dal: A ``pydal.DAL`` with its tables defined, or a function ``define(db)``.
        migrations: Alembic's configuration. Replayed in a scratch database only.
        url: The live database, a URL or an Engine. Read only.
        dialect: The engine to judge by where no ``url`` says it. Default: SQLite.
        scratch_url: A server on which scratch databases may be made. SQLite needs none.
        values: Write and read values through both layers, in a scratch database.
        adapter: How PyDAL's values travel: ``native`` for bilayer's runtime, or a stock adapter
            (``sqlite``, ``postgres``, ``postgres2``, ``postgres3``, ``mysql``). Default: what
            the DAL itself says.
        ignore: Patterns of what not to report: ``table``, ``table.column``, a code, or a code
            and one of these, as in ``BL303:audit_*``.
        root: The folder locations are relative to. Default: the current one.

    Raises:
        BilayerError: An argument makes no sense, such as an unknown dialect or adapter, or
            nothing that was given can be compared.
    """
    if dal is None and migrations is None:
        # A report of nothing would be taken for one that found nothing.
        message = "nothing can be compared: give PyDAL tables (dal) or migrations"
        raise BilayerError(message)
    if adapter is not None and adapter not in ADAPTERS:
        message = f"unknown adapter {adapter!r}; use {', '.join(sorted(ADAPTERS))}"
        raise BilayerError(message)
    engine = _choose_engine(url, dialect)
    server = parse_url(scratch_url) if scratch_url is not None and engine != "sqlite" else None
    with scratch_databases(engine, server) as scratch:
        folder = Path(root or ".").resolve()
        sources = Sources(engine, _listed(metadata), migrations, url, scratch, folder)
        with sources.replaying():
            sources.read_runtime(dal, adapter)
            differences = list(compare_pairs(sources))
        if values:
            differences += compare_values(sources)
        findings = _mend(sources, differences)
    sources.failures += [Failure("scratch", reason) for reason in scratch.left]
    kept = [finding for finding in findings if not is_ignored(finding, ignore)]
    return _report(sources, kept, list_passwords(url, scratch_url))


def _report(sources: Sources, findings: Sequence[Finding], passwords: Sequence[str]) -> Report:
    """Put together what was found and what could not be read; neither repeats a password."""
    return Report.of(
        [replace(each, message=hide_passwords(each.message, passwords)) for each in findings],
        failures=[replace(f, reason=hide_passwords(f.reason, passwords)) for f in sources.failures],
        not_done=sources.not_done,
        engines=(sources.engine,),
        partly=(sources.engine,) if sources.not_done else (),
        described=(sources.describe(),),
    )


def _listed(metadata: sa.MetaData | Sequence[sa.MetaData] | None) -> list[sa.MetaData]:
    if metadata is None:
        return []
    several = metadata if isinstance(metadata, list | tuple) else [metadata]
    found = [each for each in several if isinstance(each, sa.MetaData)]
    if len(found) < len(several):
        message = "metadata is no MetaData and no list of them"
        raise BilayerError(message)
    return found


def _choose_engine(url: str | sa.URL | sa.Engine | None, dialect: str | None) -> EngineName:
    if isinstance(url, sa.Engine):
        return engine_name(url.dialect.name)
    if url is not None:
        return engine_name(parse_url(url).drivername)
    return engine_name(dialect or "sqlite")


def is_ignored(finding: Finding, patterns: Sequence[str]) -> bool:
    """A pattern of ``[tool.bilayer] ignore`` names the finding."""
    for pattern in patterns:
        code, _, place = pattern.rpartition(":")
        if pattern == finding.code:
            return True
        if code and code != finding.code:
            continue
        names = {finding.table or "", finding.place}
        if any(fnmatch.fnmatchcase(name, place) for name in names if name):
            return True
    return False


def _mend(sources: Sources, differences: Sequence[Difference]) -> list[Finding]:
    """Add locations and fixes."""
    mender = Mender(
        engine=sources.engine,
        dialect=load_dialect(sources.engine),
        root=sources.root,
        schema=sources.models or sources.live or Schema(sources.engine, {}),
        runtime=sources.runtime,
        history=sources.history,
        tables=list_tables(sources.metadatas),
        reflect=sources.reflect_migrated,
        migrated=sources.migrated,
        live=sources.live,
    )
    return [mender.mend(difference) for difference in differences]
