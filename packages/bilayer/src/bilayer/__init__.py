"""Keep SQLAlchemy models, Alembic migrations, PyDAL tables and a live database in step.

``bilayer.check`` is loaded when it is first asked for: the runtime serves requests without Alembic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bilayer.drift import Failure, Finding, Report, check

__all__ = ["Failure", "Finding", "Report", "check"]


def __getattr__(name: str) -> Any:  # Any: one of the four names above
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from bilayer import drift  # noqa: PLC0415 - see the module docstring

    return getattr(drift, name)
