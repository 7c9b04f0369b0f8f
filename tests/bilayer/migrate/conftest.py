"""Gives each test of the migration machinery an empty project on an empty database."""

from __future__ import annotations

from pathlib import Path

import pytest

from bilayer.urls import parse_url
from tests.bilayer.migrate.project import Project


@pytest.fixture
def project(empty_database_url: str, tmp_path: Path) -> Project:
    """A project without revisions, on each engine."""
    return Project(tmp_path, parse_url(empty_database_url))
