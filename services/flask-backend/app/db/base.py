"""The base of all models and the names of their constraints. Holds no table."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

NAMING_CONVENTION: Final = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
"""How constraints and indexes are called, so that a revision can name what it alters.

All columns are part of the name; a check gives its own last word.
"""


class Base(DeclarativeBase):
    """The common base: one metadata, one naming convention."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
