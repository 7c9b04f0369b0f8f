"""As Flask-Migrate's: the application says where the database is."""

from alembic import context

from shop import create_app
from shop.models import db

with create_app().app_context(), db.engine.connect() as connection:
    context.configure(connection, target_metadata=db.metadata)
    with context.begin_transaction():
        context.run_migrations()
