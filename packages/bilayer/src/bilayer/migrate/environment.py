"""What ``env.py`` does: choose the database, take the lock, run the revisions, or look only."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final, cast

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy.exc import DBAPIError

from bilayer.migrate.autogenerate import (
    as_declared_for,
    compare_server_default,
    render_item,
)
from bilayer.migrate.drafts import shape_drafts
from bilayer.migrate.engines import migration_engine
from bilayer.migrate.errors import MigrationError
from bilayer.migrate.history import require_known
from bilayer.migrate.limits import Limits
from bilayer.migrate.lock import migration_lock, require_held
from bilayer.migrate.retry import Plan, is_passing, reason, with_retries
from bilayer.urls import engine_name, parse_url

log = logging.getLogger("bilayer.migrate")

_OPTIONS: Final[Mapping[str, Any]] = {
    "compare_server_default": compare_server_default,
    "compare_type": True,
    "process_revision_directives": shape_drafts,
    "render_as_batch": True,
    "render_item": render_item,
    "transaction_per_migration": True,
}


def run_env(
    context: EnvironmentContext | ModuleType,
    metadata: sa.MetaData,
    *,
    default_url: Callable[[], str | sa.URL],
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> None:
    """Run the command Alembic was called with.

    Args:
        context: Alembic's ``context``, as ``env.py`` has it.
        metadata: The models.
        default_url: Gives the database if neither ``-x url=``, nor the caller, nor
            ``sqlalchemy.url`` in the ini file names one.
        limits: How long to wait, hold and repeat.

    Raises:
        MigrationError: The database could not be migrated, for a reason of this module's.
    """
    # Alembic's ``context`` is a module that passes everything on to the one in force.
    context = cast("EnvironmentContext", context)
    _log_to_terminal(context)
    url = _choose_url(context, default_url)
    options = {**_OPTIONS, "target_metadata": metadata}
    if engine_name(url.drivername) == "sqlite":
        # SQLite has transactional DDL; Alembic assumes a driver that commits before each DDL.
        options |= {"transactional_ddl": True, "on_version_apply": _check_foreign_keys}
    if context.is_offline_mode():
        _write_script(context, url, options)
    elif _look(context, url, options, limits):
        _migrate(context, url, options, limits)


def _choose_url(context: EnvironmentContext, default: Callable[[], str | sa.URL]) -> sa.URL:
    config = context.config
    url = (
        context.get_x_argument(as_dictionary=True).get("url")
        or config.attributes.get("url")
        or config.get_alembic_option("sqlalchemy.url")
        or default()
    )
    try:
        return parse_url(url)
    except ValueError as error:
        raise MigrationError(str(error)) from error


def _write_script(context: EnvironmentContext, url: sa.URL, options: dict[str, Any]) -> None:
    """Write the SQL of the revisions. Opens no connection."""
    if engine_name(url.drivername) == "mysql":
        # Collations have other names on MySQL, and a script could not stop at an error.
        raise MigrationError("--sql writes scripts for PostgreSQL and SQLite only")
    options |= {"literal_binds": True, "dialect_opts": {"paramstyle": "named"}}
    context.configure(url=url, **options)
    if engine_name(url.drivername) == "sqlite":
        context.static_output("PRAGMA foreign_keys = OFF;")
    with context.begin_transaction():
        context.run_migrations()


def _look(
    context: EnvironmentContext, url: sa.URL, options: dict[str, Any], limits: Limits
) -> bool:
    """Do what only reads, without waiting for anybody; makes no table, not even Alembic's own.

    Returns:
        Whether the command is one that writes, and there is something to write.
    """

    def look() -> bool:
        with _reached(migration_engine(url, limits, is_writer=False)) as connection:
            context.configure(connection, dont_mutate=True, **options)
            migration = context.get_context()
            if "destination_rev" in migration.opts:
                return _has_something_to_do(migration)
            # A copy of the models is worth its time only where they are compared.
            models = as_declared_for(migration.dialect.name, options["target_metadata"])
            context.configure(connection, dont_mutate=True, **options | {"target_metadata": models})
            context.run_migrations()
            return False

    return with_retries(look, limits)


@contextmanager
def _reached(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Connect, or say in a sentence why that is not to be had."""
    try:
        connection = engine.connect()
    except DBAPIError as error:
        if is_passing(error):
            raise
        raise MigrationError(f"the database cannot be reached: {reason(error)}") from error
    with connection:
        yield connection


def _has_something_to_do(migration: MigrationContext) -> bool:
    scripts, destination = migration.opts["script"], migration.opts["destination_rev"]
    found = migration.get_current_heads()
    if not migration.opts.get("purge"):
        require_known(scripts, found)
    is_at_head = bool(found) and set(found) == set(scripts.get_heads())
    if not is_at_head or destination not in ("head", "heads", ("head",), ("heads",)):
        return True
    log.info("Nothing to do: the database is at the head revision")
    return False


def _migrate(
    context: EnvironmentContext, url: sa.URL, options: dict[str, Any], limits: Limits
) -> None:
    with migration_lock(url, limits) as lock:
        # Whoever waited may find that the work is done, or that a newer release has done it.
        if not _look(context, url, options, limits):
            return
        plan = Plan(context.get_context().opts["fn"], lambda: require_held(lock))
        writing = {**options, "fn": plan, "dont_mutate": False}
        with_retries(lambda: _run(context, url, writing, limits), limits)


def _run(context: EnvironmentContext, url: sa.URL, options: dict[str, Any], limits: Limits) -> None:
    with migration_engine(url, limits).connect() as connection:
        context.configure(connection, **options)
        with context.begin_transaction():
            context.run_migrations()


def _check_foreign_keys(*, ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    """Refuse to commit a revision of SQLite that leaves rows without their parents."""
    if ctx.as_sql or ctx.connection is None:
        return
    orphans = ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        table, _row, parent, _key = orphans[0]
        raise MigrationError(
            f"revision {step.up_revision_id} was undone: {len(orphans)} rows, the first of them in"
            f" {table}, refer to rows that {parent} does not have (PRAGMA foreign_key_check)"
        )


def _log_to_terminal(context: EnvironmentContext) -> None:
    """Show progress if Alembic's command line called; a program has its own logging."""
    if context.config.cmd_opts is None:
        return
    logging.basicConfig(stream=sys.stderr, format="%(levelname)-5.5s [%(name)s] %(message)s")
    for name in ("alembic.autogenerate", "alembic.runtime.migration", "bilayer.migrate"):
        logging.getLogger(name).setLevel(logging.INFO)
