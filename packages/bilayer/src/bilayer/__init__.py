"""Keep SQLAlchemy models, Alembic migrations, PyDAL tables and a live database in step."""
