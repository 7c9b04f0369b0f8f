"""Every query of the application, by domain. Functions take no connection and never commit."""

from typing import Any

Row = dict[str, Any]
"""A row as callers get it: a plain dict of typed values."""

Query = Any
"""A PyDAL query. PyDAL ships no types, so this name says what mypy cannot."""
