"""The unit of work: what a use case writes is committed together, or not at all, and tried again.

Every use case that writes is one unit (``@unit_of_work``). It must be repeatable: all it does is
to read and write the database.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from app.models import get_database, transaction

P = ParamSpec("P")
T = TypeVar("T")


def unit_of_work(work: Callable[P, T]) -> Callable[P, T]:
    """Run a function in one transaction; inside another unit, as a part of it."""

    @wraps(work)
    def unit(*args: P.args, **kwargs: P.kwargs) -> T:
        if get_database().in_transaction:
            return work(*args, **kwargs)
        with transaction():
            return work(*args, **kwargs)

    return unit
