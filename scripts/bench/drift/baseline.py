"""What Alembic's own comparison says of the same mutations, as it is and with all it can do."""

from __future__ import annotations

import contextlib
import re
import warnings
from typing import Any, Final

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
MODES: Final[dict[str, dict[str, Any]]] = {
    "default": {},
    "max": {
        "compare_server_default": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    },
}


class Baseline:
    """Alembic's comparison of models with databases; what it says of the base is left out."""

    def __init__(self, metadata: sa.MetaData, url: str) -> None:
        self._metadata = metadata
        self._usual = {mode: self._compare(mode, url) for mode in MODES}

    def sees(self, url: str) -> dict[str, bool]:
        """Tell for each mode whether Alembic says anything of a database; a crash says nothing."""
        return {mode: bool(self._compare(mode, url) - self._usual[mode]) for mode in MODES}

    def _compare(self, mode: str, url: str) -> set[str]:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        found: list[Any] = []
        with engine.connect() as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context = MigrationContext.configure(connection, opts=dict(MODES[mode]))
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                found = compare_metadata(context, self._metadata)
        return {_ADDRESS.sub("", repr(each)) for each in found}
