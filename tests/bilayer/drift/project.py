"""A small Alembic project written for a test: models are built by the test, revisions are text."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config

ENV = """
import sqlalchemy as sa
from alembic import context
metadata = sa.MetaData()
sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
engine = sa.engine_from_config(context.config.get_section("alembic"))
with engine.connect() as connection:
    context.configure(connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
CREATE = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))'


def write_project(folder: Path, env: str = ENV, **revisions: str) -> Config:
    """Write a project whose revisions follow each other in the order they are given."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(env)
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = sqlite://\n"
        "path_separator = os\n"
    )
    down = None
    for name, body in revisions.items():
        write_revision(folder, name, down, body)
        down = name
    return Config(folder / "alembic.ini")


def write_revision(folder: Path, name: str, down: str | None, body: str = "pass") -> Path:
    """Write one revision."""
    path = folder / "migrations" / "versions" / f"{name}.py"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    path.write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = {name!r}\ndown_revision = {down!r}\n\n"
        f"def upgrade():\n{lines}\n\ndef downgrade():\n    raise NotImplementedError\n"
    )
    return path
