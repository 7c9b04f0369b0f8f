"""`bilayer fix` mends PyDAL's side in its source, and leaves the rest of it alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bilayer.cli import main
from bilayer.drift.definitions.editing import CannotEdit, Edit, add_tables, edit_source
from bilayer.drift.definitions.files import SourceUnwritable, write_sources

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
authors = sa.Table(
    "authors", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("age", sa.Integer),
    sa.Column("story", sa.Text),
    sa.Column("born", sa.Date),
    sa.Column("plan", sa.String(20), nullable=False, server_default="free"),
)
books = sa.Table(
    "books", metadata,
    sa.Column("isbn", sa.String(13), primary_key=True),
    sa.Column("title", sa.String(200), nullable=False),
)
loans = sa.Table(
    "loans", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isbn", sa.String(13), nullable=False),
)
"""

TABLES = '''"""Tables, written by hand for years."""
from pydal import DAL, Field
from pydal.validators import IS_NOT_EMPTY  # the form needs it


def define_tables(db):
    # People first.
    db.define_table(
        "authors",
        Field("name", "integer", requires=IS_NOT_EMPTY(), label="Name"),  # shown in the list
        Field("age", "string", length=9),
        Field("nickname"),  # nobody remembers why
        Field('story', 'text'),
    )

    authors = db.authors  # a shorthand
    db.define_table('books', Field('isbn', length=13), Field('title', length=200, notnull=True))
    db.define_table("leftovers", Field("x"))
'''

CALLABLES = """

class Definitions:
    def __call__(self, db):
        define_tables(db)

    def define(self, db):
        define_tables(db)


partly = __import__("functools").partial(define_tables)
called = Definitions()
bound = called.define
"""

PROJECT = """
[tool.bilayer]
models = "shelf_models:metadata"
runtime = "shelf_tables:define_tables"
runtime_adapter = "{adapter}"
dialects = ["{dialect}"]
pythonpath = ["."]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_project(tmp_path, "postgresql", "postgres")
    return tmp_path


def write_project(folder: Path, dialect: str, adapter: str) -> None:
    (folder / "shelf_models.py").write_text(MODELS)
    (folder / "shelf_tables.py").write_text(TABLES)
    (folder / "pyproject.toml").write_text(PROJECT.format(dialect=dialect, adapter=adapter))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command by itself: modules that changed are imported once a process."""
    command = [sys.executable, "-m", "bilayer.cli", *arguments, "--project", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("dialect", "adapter"),
    [("sqlite", "sqlite"), ("postgresql", "postgres"), ("mysql", "mysql"), ("sqlite", "native")],
)
def test_check_is_clean_after_it(tmp_path: Path, dialect: str, adapter: str) -> None:
    write_project(tmp_path, dialect, adapter)

    fixed = run(tmp_path, "fix", "--write")
    after = run(tmp_path, "check", "--fail-on", "warning")

    assert "+++ b/shelf_tables.py" in fixed.stdout
    assert (fixed.returncode, after.returncode) == (0, 0), fixed.stderr + after.stdout


def test_validators_and_labels_of_the_project_stay(folder: Path) -> None:
    names = ("own", "labelled", "several", "named", "started", "plain", "lacking")
    columns = "".join(
        f'sa.Column("{name}", sa.String(20), nullable=False),'
        f"sa.CheckConstraint(\"{name} IN ('x', 'y')\"),"
        for name in names
    )
    (folder / "shelf_models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table(\n"
        f'"t", metadata, sa.Column("id", sa.Integer, primary_key=True), {columns})\n'
    )
    kept = {
        "own": "only_xy",  # BL205, BL209
        "labelled": 'IS_IN_SET({"x": "Ix", "y": "Ypsilon"})',
        "several": "[IS_LENGTH(5), only_xy]",
        "named": 'IS_IN_SET([("x", "Ix"), ("y", "Ypsilon")])',  # BL216: its default
        "started": "only_xy",
    }
    lines = [
        f'        Field("{name}", length=30, requires={requires}'
        + (', notnull=True, default="z"),' if name in ("named", "started") else "),")
        for name, requires in kept.items()
    ]
    (folder / "shelf_tables.py").write_text(
        "from pydal import Field\nfrom pydal.validators import IS_IN_SET, IS_LENGTH\n\n\n"
        "def only_xy(value, record_id=None):\n    return value, None\n\n\n"
        'def define_tables(db):\n    db.define_table(\n        "t",\n'
        + "\n".join(lines)
        + '\n        Field("plain"),\n        Field("lacking", requires=IS_IN_SET(["x"])),\n    )\n'
    )

    told = run(folder, "fix", "--write")

    text = (folder / "shelf_tables.py").read_text()
    for name, requires in kept.items():
        assert f'Field("{name}", "string", length=20, requires={requires}, notnull=True' in text
    words = 'length=20, notnull=True, requires=IS_IN_SET(["x", "y"])'
    assert f'Field("plain", "string", {words})' in text
    assert 'requires=IS_IN_SET(["x", "y"]), length=20, notnull=True' in text
    assert "BL216 t.own" in told.stderr
    assert "BL216 t.labelled" not in told.stderr


def test_what_is_not_its_business_stays(folder: Path) -> None:
    assert run(folder, "fix", "--write").returncode == 0

    text = (folder / "shelf_tables.py").read_text()
    for kept in (
        "from pydal.validators import IS_NOT_EMPTY  # the form needs it\n",
        "    # People first.\n",
        'requires=IS_NOT_EMPTY(), label="Name"',
        "# shown in the list\n",
        "        Field('story', 'text'),\n",
        "    authors = db.authors  # a shorthand\n",
    ):
        assert kept in text
    assert "nickname" not in text
    assert "leftovers" not in text
    assert text.count("from pydal import") == 1
    assert run(folder, "fix").stdout == ""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_encoding_line_ends_and_permissions_stay(folder: Path, encoding: str) -> None:
    path, target = folder / "shelf_tables.py", folder / "kept" / "tables.py"
    target.parent.mkdir()
    text = f"# -*- coding: {encoding} -*-\n# Bücher\n{TABLES}".replace("\n", "\r\n")
    target.write_bytes(text.encode(encoding))
    target.chmod(0o640)
    path.unlink()
    path.symlink_to(target)

    assert run(folder, "fix", "--write").returncode == 0

    written = target.read_bytes()
    first = "\ufeff#" if encoding == "utf-8-sig" else "#"
    assert written.decode(encoding.removesuffix("-sig")).startswith(first)
    assert "# Bücher\r\n".encode(encoding.removesuffix("-sig")) in written
    assert written.count(b"\n") == written.count(b"\r\n")
    assert target.stat().st_mode & 0o777 == 0o640
    assert path.is_symlink()
    assert [each.name for each in target.parent.glob("*") if each.suffix] == ["tables.py"]


def test_type_that_says_more_than_what_is_stored_stays(folder: Path) -> None:
    (folder / "shelf_models.py").write_text("""
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True))
sa.Table("b", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("link", sa.ForeignKey("a.id"), nullable=False),
    sa.Column("ghost", sa.Integer, nullable=False),
    *(sa.Column(name, sa.String(80), nullable=False) for name in ("secret", "image")))
""")
    (folder / "shelf_tables.py").write_text("""
from pydal import Field
def define_tables(db):
    db.define_table("a")
    db.define_table("b", Field("link", db.a), Field("ghost", "reference nobody"),
        Field("secret", "password", length=80), Field("image", "upload", length=80))
""")

    run(folder, "fix", "--write")

    text = (folder / "shelf_tables.py").read_text()
    assert 'Field("link", "reference a", notnull=True' in text
    assert 'Field("ghost", "integer", notnull=True' in text
    assert 'Field("secret", "password", length=80, notnull=True)' in text
    assert 'Field("image", "upload", length=80, notnull=True)' in text
    assert run(folder, "check", "--fail-on", "warning").returncode == 0


def test_no_file_is_changed_where_one_cannot_be(folder: Path) -> None:
    first, second = folder / "shelf_tables.py", folder / "shelf_models.py"
    second.write_bytes(b"# -*- coding: latin-1 -*-\n")

    with pytest.raises(SourceUnwritable, match="iso-8859-1, which lacks"):
        write_sources({first: "changed", second: "\u4e66"})

    assert first.read_text() == TABLES


def test_nothing_is_written_before_it_is_asked_for(folder: Path) -> None:
    shown = run(folder, "fix")

    assert (folder / "shelf_tables.py").read_text() == TABLES
    assert shown.stdout.startswith("--- a/shelf_tables.py\n+++ b/shelf_tables.py\n")
    assert '-        Field("nickname"),  # nobody remembers why\n' in shown.stdout
    assert "would change 1 files" in shown.stderr


@pytest.mark.parametrize("runtime", ["define_tables", "partly", "called", "bound"])
def test_whatever_defines_tables_is_mended(folder: Path, runtime: str) -> None:
    text = TABLES.replace("    # People first.\n", "    print('HELLO')\n    # People first.\n")
    (folder / "shelf_tables.py").write_text(
        text.replace('    db.define_table("leftovers", Field("x"))\n', "") + CALLABLES
    )
    settings = folder / "pyproject.toml"
    settings.write_text(
        settings.read_text().replace("shelf_tables:define_tables", f"shelf_tables:{runtime}")
    )

    shown, facts = run(folder, "fix"), json.loads(run(folder, "fix", "--json").stdout)

    assert shown.stdout.startswith("--- a/shelf_tables.py\n")
    assert facts["diff"] == shown.stdout
    assert '+        Field("age", "integer"),\n' in shown.stdout
    # Only a plain function can be given more tables.
    reason = 'loans": runtime is no function that could define more tables'
    assert [line for line in facts["left"] if line.endswith(reason)] == facts["left"]
    assert ('define_table(\n+        "loans"' in shown.stdout) == (runtime == "define_tables")


def test_what_cannot_be_mended_is_said(folder: Path) -> None:
    text = TABLES.replace('"authors",', '"auth" + "ors",')
    (folder / "shelf_tables.py").write_text(text)

    told = run(folder, "fix", "--json")

    facts = json.loads(told.stdout)
    assert told.returncode == 1
    assert any("no define_table call names authors" in line for line in facts["left"])
    assert facts["files"] == ["shelf_tables.py"]


def test_name_that_needs_quotes_is_not_given_those_of_each_engine_in_turn(folder: Path) -> None:
    columns = 'sa.Column("id", sa.Integer, primary_key=True), sa.Column("Total", sa.String(40))'
    (folder / "shelf_models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        f'sa.Table("Invoice", metadata, {columns})\nsa.Table("Line", metadata, {columns})\n'
    )
    (folder / "shelf_tables.py").write_text(
        "from pydal import Field\n\n\ndef define_tables(db):\n"
        """    db.define_table("Line", Field("Total", length=9))\n"""
        """    db.define_table("bill", Field("sum", length=9, rname='"Total"'),"""
        """ rname="`Invoice`")\n"""
    )
    (folder / "pyproject.toml").write_text(
        PROJECT.format(adapter="native", dialect='postgresql", "mysql')
    )

    checked = json.loads(run(folder, "check", "--format", "json").stdout)
    first, text = run(folder, "fix", "--write"), (folder / "shelf_tables.py").read_text()
    second = run(folder, "fix", "--write")

    assert 'define_table("Line", Field("Total", "string", length=40))' in text
    assert """Field("sum", "string", length=40, rname='"Total"'), rname="`Invoice`")""" in text
    assert (folder / "shelf_tables.py").read_text() == text
    proposed = [each for each in checked["findings"] if (each["fix"] or "").startswith("rname=")]
    assert proposed
    assert all("no rname serves both" in each["message"] for each in proposed)
    rename = "no rname serves both PostgreSQL and MariaDB; call it {} in PyDAL too, without rname"
    for each in (first, second):
        assert each.returncode == 1
        assert f"bill: {rename.format('Invoice')}" in each.stderr
        assert f"bill.sum: {rename.format('Total')}" in each.stderr


def test_definitions_that_stop_half_way_are_not_touched(folder: Path) -> None:
    (folder / "shelf_tables.py").write_text(TABLES + '    raise RuntimeError("no")\n')

    told = run(folder, "fix", "--write")

    assert told.returncode == 2
    assert "RuntimeError" in told.stderr
    assert (folder / "shelf_tables.py").read_text().startswith(TABLES)


def test_project_without_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.bilayer]\n")

    refused: Result = CliRunner().invoke(main, ["fix", "--project", str(tmp_path)])

    assert refused.exit_code == 2
    assert "needs models and runtime" in refused.stderr


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        (
            'db.define_table("t", Field("a", "string"))',
            Edit("t", "a", 'Field("a", "uuid", notnull=True),'),
            'db.define_table("t", Field("a", "uuid", notnull=True))',
        ),
        (
            'db.define_table("t", Field("a", type="string", length=9, label="A"))',
            Edit("t", "a", 'Field("a", "text"),'),
            'db.define_table("t", Field("a", type="text", label="A"))',
        ),
        (
            'db.define_table("t", Field("a", default=1), migrate=False)',
            Edit("t", "b", 'Field("b", "date"),'),
            'db.define_table("t", Field("a", default=1), Field("b", "date"), migrate=False)',
        ),
        (
            'db.define_table("t", Field("a"), migrate=True)',
            Edit("t", None, "migrate=False"),
            'db.define_table("t", Field("a"), migrate=False)',
        ),
        (
            'db.define_table("t", Field("a"))',
            Edit("t", "a", "rname='\"A\"'"),
            'db.define_table("t", Field("a", rname=\'"A"\'))',
        ),
        (
            'db.define_table("t", Field("a", requires=[only_xy, IS_IN_SET(["x"])]))',
            Edit("t", "a", 'Field("a", requires=IS_EMPTY_OR(IS_IN_SET(["x", "y"]))),'),
            (
                "from pydal.validators import IS_IN_SET\n\n"
                'db.define_table("t", Field("a", requires=[only_xy, IS_IN_SET(["x", "y"])]))'
            ),
        ),
        (
            'db.define_table("t", Field("a"), Field("b"))',
            Edit("t", "a", '- Field("a", "string", ...)'),
            'db.define_table("t", Field("b"))',
        ),
    ],
)
def test_edit_changes_what_it_is_about(before: str, edit: Edit, after: str) -> None:
    assert edit_source(before, [edit]) == after


def test_table_is_added_to_a_function_by_the_name_of_its_parameter() -> None:
    source = "from pydal import Field\ndef define(dal):\n    pass\n"

    changed = add_tables(source, "define", ['db.define_table("t", Field("a"))'], "pydal")

    assert (
        changed
        == 'from pydal import Field\ndef define(dal):\n    dal.define_table("t", Field("a"))\n'
    )


def test_edit_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(CannotEdit, match="no define_table call names u"):
        edit_source('db.define_table("t", Field("a"))', [Edit("u", "a", 'Field("a"),')])
    with pytest.raises(CannotEdit, match="t has no Field called b"):
        edit_source('db.define_table("t", Field("a"))', [Edit("t", "b", "rname='x'")])
    with pytest.raises(CannotEdit, match="no function define"):
        add_tables("x = 1\n", "define", ['db.define_table("t")'], "pydal")
