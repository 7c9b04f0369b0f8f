"""On whose behalf this thread changes data: what the audit log calls ``changed_by``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

SYSTEM: Final = "system"
"""Whoever is nobody in particular: a command, a job, a request that needs no sign-in."""

_actor: Final = ContextVar("actor", default=SYSTEM)


def actor_of(user_id: UUID, *, is_guest: bool) -> str:
    """Name an account as an actor."""
    return f"{'guest' if is_guest else 'user'}:{user_id}"


def migration_actor(run_id: UUID) -> str:
    """Name an import as an actor."""
    return f"migration:{run_id}"


def current_actor() -> str:
    """Return on whose behalf this thread changes data."""
    return _actor.get()


def set_actor(actor: str = SYSTEM) -> None:
    """Let this thread change data on somebody's behalf until it is said otherwise."""
    _actor.set(actor)


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Let this thread change data on somebody's behalf within the block."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
