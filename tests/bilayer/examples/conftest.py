"""Fixtures of the example projects' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql", "mariadb": "mysql"}


@pytest.fixture
def dialect(engine: str) -> str:
    """The engine's name in code: MariaDB is ``mysql``."""
    return DIALECTS[engine]


@pytest.fixture(autouse=True)
def _shop_without_a_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The shop asks its environment where the database is; nothing there is to be reached."""
    monkeypatch.setenv("SHOP_DATABASE_URL", f"sqlite:///{tmp_path}/nobody/shop.db")
