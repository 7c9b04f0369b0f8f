"""One adapter for each engine, and what they share."""

from bilayer.runtime.adapters.mysql import MySQLAdapter
from bilayer.runtime.adapters.postgresql import PostgreSQLAdapter
from bilayer.runtime.adapters.sqlite import SQLiteAdapter

__all__ = ["MySQLAdapter", "PostgreSQLAdapter", "SQLiteAdapter"]
