"""Migrate one database from any number of processes at once, safely, on each engine.

``run_env`` is all that an ``env.py`` needs; the commands are for programs. What a revision says
is not judged here.
"""

from bilayer.migrate.commands import check, downgrade, stamp, upgrade
from bilayer.migrate.environment import run_env
from bilayer.migrate.errors import LockNotAcquired, MigrationError, UnknownRevision
from bilayer.migrate.history import current, head, pending
from bilayer.migrate.limits import Limits
from bilayer.migrate.lock import migration_lock
from bilayer.migrate.revisions import commits_each_statement

__all__ = [
    "Limits",
    "LockNotAcquired",
    "MigrationError",
    "UnknownRevision",
    "check",
    "commits_each_statement",
    "current",
    "downgrade",
    "head",
    "migration_lock",
    "pending",
    "run_env",
    "stamp",
    "upgrade",
]
