"""Definitions that are written new agree with the models they were written from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bilayer.cli import main
from bilayer.drift.config import find_project
from bilayer.drift.project import check_project

APP = Path(__file__).parents[3] / "services" / "flask-backend"

LEGACY = """
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()
authors = sa.Table(
    "authors", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("class", sa.String(20)),
    sa.Column("ALL", sa.Integer),
    sa.Column("2nd name", sa.Text, nullable=False),
    sa.Column("mood", sa.Enum("happy", "sad", name="mood")),
    sa.Column("tags", postgresql.ARRAY(sa.String)),
    sa.Column("fee", sa.Numeric(10, 2), server_default="0"),
    sa.Column("is_member", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("place", postgresql.POINT if hasattr(postgresql, "POINT") else postgresql.INET),
)
books = sa.Table(
    "books", metadata,
    sa.Column("isbn", sa.String(13), primary_key=True),
    sa.Column("author_id", sa.ForeignKey("authors.id", ondelete="CASCADE"), nullable=False),
)
shops = sa.Table("book shops", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="x")
tables = sa.Table("tables", metadata, sa.Column("id", sa.Integer, primary_key=True))
seen = sa.Table("seen", metadata, sa.Column("at", sa.String(9), server_default="it's \\"9\\""))
"""


@pytest.fixture(autouse=True)
def modules_forgotten() -> Iterator[None]:
    """Let each test import modules of its own by the same names."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("made", "legacy")]:
        del sys.modules[name]


def write_project(folder: Path, models: str, adapter: str, *paths: str) -> None:
    listed = ", ".join(f'"{path}"' for path in (".", *paths))
    (folder / "pyproject.toml").write_text(
        f'[tool.bilayer]\nmodels = "{models}"\nruntime = "made:define_tables"\n'
        f'runtime_adapter = "{adapter}"\npythonpath = [{listed}]\n'
    )


def generate(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["generate", "--project", str(folder), *options])


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql"])
def test_definitions_of_this_service_are_clean_on_every_engine(
    tmp_path: Path, dialect: str
) -> None:
    write_project(tmp_path, "app.db.models:metadata", "native", str(APP))

    made = generate(tmp_path, "--dialect", dialect, "--output", str(tmp_path / "made.py"))
    report = check_project(find_project(tmp_path), dialects=[dialect])

    assert made.exit_code == 0, made.output
    assert "left out" not in made.output
    assert [finding for finding in report.findings if finding.severity != "info"] == []


def test_package_has_a_module_for_each_file_of_models(tmp_path: Path) -> None:
    write_project(tmp_path, "app.db.models:metadata", "native", str(APP))

    made = generate(tmp_path, "--split", str(tmp_path / "made"))
    report = check_project(find_project(tmp_path))

    assert made.exit_code == 0, made.output
    assert {"accounts.py", "history.py", "__init__.py"} <= {
        path.name for path in (tmp_path / "made").iterdir()
    }
    assert [finding for finding in report.findings if finding.severity != "info"] == []


def test_definitions_for_a_stock_adapter_have_no_error_that_pydal_could_avoid(
    tmp_path: Path,
) -> None:
    (tmp_path / "legacy.py").write_text(LEGACY)
    write_project(tmp_path, "legacy:metadata", "postgres")

    made = generate(tmp_path, "--dialect", "postgresql", "--output", str(tmp_path / "made.py"))
    report = check_project(find_project(tmp_path), dialects=["postgresql"])

    assert made.exit_code == 0, made.output
    avoidable = [each for each in report.errors if not each.code.startswith("BL4")]
    assert avoidable == []
    for name in (line.split("for ")[1].split(";")[0] for line in made.stderr.splitlines()
                 if "left out" in line):  # fmt: skip
        assert name in {finding.place for finding in report.findings}


def test_module_has_a_name_python_takes_whatever_the_models_file_is_called(tmp_path: Path) -> None:
    for name in ("2fa", "class"):
        (tmp_path / f"{name}.py").write_text(
            f'import sqlalchemy as sa\n\ndef add(metadata):\n    sa.Table("of_{name}", metadata,'
            ' sa.Column("id", sa.Integer, primary_key=True))\n'
        )
    (tmp_path / "legacy.py").write_text(
        "import importlib\nimport sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        'for name in ("2fa", "class"):\n    importlib.import_module(name).add(metadata)\n'
    )
    write_project(tmp_path, "legacy:metadata", "sqlite")

    made = generate(tmp_path, "--dialect", "sqlite", "--split", str(tmp_path / "made"))
    report = check_project(find_project(tmp_path), dialects=["sqlite"])

    assert made.exit_code == 0, made.output
    assert {path.name for path in (tmp_path / "made").glob("*.py")} == {
        "__init__.py",
        "class_.py",
        "of_2fa.py",
    }
    assert report.errors == ()


def test_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "legacy.py").write_text(LEGACY)
    write_project(tmp_path, "legacy:metadata", "sqlite")
    target = tmp_path / "made.py"
    target.write_text("mine")

    refused = generate(tmp_path, "--output", str(target))
    kept = target.read_text()
    forced = generate(tmp_path, "--output", str(target), "--force")

    assert (refused.exit_code, kept) == (1, "mine")
    assert "--force" in refused.stderr
    assert forced.exit_code == 0
    assert "define_table" in target.read_text()


def test_definitions_can_be_read_from_standard_output(tmp_path: Path) -> None:
    (tmp_path / "legacy.py").write_text(LEGACY)
    write_project(tmp_path, "legacy:metadata", "sqlite")

    made = generate(tmp_path)

    compile(made.stdout, "made.py", "exec")
    assert made.stdout.index('"authors"') < made.stdout.index('"books"')


def test_project_without_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.bilayer]\n")

    refused = generate(tmp_path)

    assert refused.exit_code == 2
    assert "names no models" in refused.stderr
