"""What cannot be read is said, with what to do about it; everything else is still compared."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from pydal import Field

import bilayer
from bilayer.cli import main
from bilayer.cli.output import FORMATS
from bilayer.drift import foreign
from bilayer.drift.remedies import SCRATCH, with_remedy
from tests.bilayer.drift.project import CREATE, ENV, write_project, write_revision

SECRET = "sesame-31"
TABLES = """
from pydal import Field
def define(db):
    db.define_table("t", Field("name", "no-such-type"))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose PyDAL side has a mistake that needs no models to be found."""
    write_project(tmp_path, first=CREATE)
    (tmp_path / "bad_tables.py").write_text(TABLES)
    (tmp_path / "bad_models.py").write_text("import sqlalchemy as sa\nmetadata = sa.MetaData()\n")
    configure(tmp_path)
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def configure(folder: Path, models: str = "bad_models:metadata", more: str = "") -> None:
    (folder / "pyproject.toml").write_text(
        f'[tool.bilayer]\nmodels = "{models}"\nruntime = "bad_tables:define"\n'
        f'migrations = "alembic.ini"\npythonpath = ["."]\n{more}\n'
    )


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def read(project: Path, *options: str) -> dict[str, Any]:
    result = run("check", "--project", project, "--json", *options)
    document: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == document["exit_code"] == 2, result.stdout
    return document


@pytest.mark.parametrize(
    ("models", "text", "parts"),
    [
        ("bad_models:metadata", "import nothing_like_it", ["nothing_like_it", "bad_models.py:1"]),
        ("bad_models:metadata", "x = 1\ndef broken(:", ["SyntaxError", "bad_models.py:2"]),
        ("bad_models:metadata", "raise SystemExit('no settings')", ["no settings", ".py:1"]),
        ("bad_models:metadata", "import os\nos._exit(0)", ["os._exit(0)", "bad_models.py:2"]),
        ("bad_models:metadata", "print('{}')\n1 / 0", ["ZeroDivisionError", "bad_models.py:2"]),
        ("bad_models:metadatas", "metadata = 1", ["Did you mean bad_models:metadata?"]),
        ("bad_models:metadata", "metadata = 1", ["is no MetaData", "no list or dict of MetaData"]),
        ("bad_modals:metadata", "", ["Check models and pythonpath in [tool.bilayer]"]),
    ],
    ids=["import", "syntax", "exit", "hard_exit", "prints", "attribute", "type", "module"],
)
def test_models_that_do_not_import_are_said_and_the_rest_is_compared(
    project: Path, models: str, text: str, parts: list[str]
) -> None:
    (project / "bad_models.py").write_text(text)
    configure(project, models)

    document = read(project)

    (failure,) = document["failures"]
    assert failure["source"] == "models"
    assert all(part in failure["reason"] for part in parts), failure["reason"]
    assert [f["code"] for f in document["findings"]] == ["BL109"]


def test_models_may_be_a_dict_as_flask_sqlalchemy_has_them_by_bind(project: Path) -> None:
    id_ = "sa.Column('id', sa.Integer, primary_key=True)"
    text = "import sqlalchemy as sa\nmetadatas = {None: sa.MetaData(), 'other': sa.MetaData()}\n"
    (project / "bad_models.py").write_text(f"{text}sa.Table('only', metadatas['other'], {id_})")
    configure(project, "bad_models:metadatas")

    document = json.loads(run("check", "--project", project, "--json").stdout)

    assert document["failures"] == []
    assert ("BL201", "only") in [(f["code"], f["table"]) for f in document["findings"]]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_what_could_not_be_read(project: Path, form: str) -> None:
    (project / "bad_models.py").write_text("1 / 0")
    output = project / "report"

    result = run("check", "--project", project, "--format", form, "--output", output)

    assert result.exit_code == 2
    said = " ".join(output.read_text().split())
    assert "bad_models:metadata cannot be imported: ZeroDivisionError" in said
    assert ("BL109:t.name" if form == "ignore" else "no-such-type") in said


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "text"])
def test_every_format_says_that_the_configuration_is_wrong(project: Path, form: str) -> None:
    configure(project, more='migration = "x"')

    result = run("check", "--project", project, "--format", form)

    assert result.exit_code == 2
    assert "migration (did you mean migrations?)" in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tool = 5", "no pyproject.toml with a [tool.bilayer] table"),
        ("[tool]\nbilayer = 5", "[tool.bilayer] must be a table; it is 5"),
        ("[tool.bilayer]\nmodels = {a = 1}", "must be text, or a list of texts; it is {'a': 1}"),
        ("[tool.bilayer\n", "is no TOML"),
    ],
)
def test_configuration_of_a_wrong_form_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    result = run("check", "--project", tmp_path)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "stop", ["1 / 0", "raise SystemExit(3)", "import os; os._exit(0)", "db.no_such_table.id"]
)
def test_definition_that_stops_half_way_keeps_what_it_defined(project: Path, stop: str) -> None:
    (project / "bad_models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "for name in ('t', 'later'):\n"
        "    sa.Table(name, metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
    )
    (project / "bad_tables.py").write_text(
        "from pydal import Field\ndef define(db):\n    print('hello')\n"
        f"    db.define_table('t', Field('extra'))\n    {stop}\n    db.define_table('later')\n"
    )

    document = read(project)

    (failure,) = document["failures"]
    assert failure["source"] == "runtime"
    assert "bad_tables.py:5" in failure["reason"]
    found = {(f["code"], f["pair"], f["table"]) for f in document["findings"]}
    assert ("BL202", "models-runtime", "t") in found
    assert ("BL201", "models-migrations", "later") in found
    assert not [each for each in found if each[1:] == ("models-runtime", "later")]


@pytest.mark.parametrize("kind", ["async def define(db):", "def define(db):\n    yield"])
def test_definition_that_calling_does_not_run_is_said(project: Path, kind: str) -> None:
    (project / "bad_tables.py").write_text(f"{kind}\n    db.define_table('t')\n")

    document = read(project)

    reasons = [each["reason"] for each in document["failures"] if each["source"] == "runtime"]
    assert len(reasons) == 1
    assert "make it a plain function" in reasons[0]


def test_who_waits_for_a_definition_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(foreign, "PATIENCE", 0.02)
    (project / "bad_tables.py").write_text("def define(db):\n    __import__('time').sleep(0.3)\n")

    run("check", "--project", project)

    said = capfd.readouterr().err
    assert "still waiting for the function that defines the tables" in said
    assert said.count("still waiting") < 10


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("1 / 0", "first.py:7: ZeroDivisionError: division by zero. Mend it there"),
        ("import sys; sys.exit(3)", "first.py:7: SystemExit: 3. Mend it there"),
        ("import os; os._exit(3)", "could not be replayed"),
        (
            "print('hello')\nimport os; os._exit(0)",
            "the process ended early (exit code 0) while revision first ran",
        ),
        ("print('{}')\nraise RuntimeError('URL')", "RuntimeError: "),
    ],
    ids=["raises", "exits", "dies", "says and dies", "prints"],
)
def test_revision_that_stops_is_said_and_the_rest_is_compared(
    tmp_path: Path, dialect: str, scratch_url: str | None, body: str, part: str
) -> None:
    report = check_with(tmp_path, dialect, scratch_url, first=body)

    (failure,) = report.failures
    assert failure.source == "migrations"
    assert part in failure.reason
    assert "BL202" in {finding.code for finding in report.findings}


@pytest.mark.parametrize(
    "env",
    ["raise RuntimeError('no settings')", "import nothing_like_it", ENV + "\nraise SystemExit(1)"],
)
def test_env_that_stops_is_said_with_its_line(tmp_path: Path, env: str) -> None:
    report = check_with(tmp_path, "sqlite", None, env, first=CREATE)

    (failure,) = report.failures
    assert "migrations/env.py:" in failure.reason


@pytest.mark.parametrize("text", ["script_location = x", "[other]", "[alembic]\nscript_location="])
def test_configuration_of_alembic_that_makes_no_sense_is_said(project: Path, text: str) -> None:
    (project / "alembic.ini").write_text(text)

    document = read(project)

    assert [failure["source"] for failure in document["failures"]] == ["migrations"]


def check_with(
    folder: Path, dialect: str, scratch_url: str | None, env: str = ENV, **revisions: str
) -> bilayer.Report:
    """Check a project whose layers differ in t.extra, which needs no scratch database."""
    models = sa.MetaData()
    sa.Table("t", models, sa.Column("id", sa.Integer, primary_key=True))
    return bilayer.check(
        metadata=models,
        dal=lambda db: db.define_table("t", Field("extra")),
        migrations=write_project(folder, env, **revisions),
        dialect=dialect,
        scratch_url=scratch_url,
        root=folder,
    )


@pytest.fixture
def role(scratch_url: str | None) -> Iterator[sa.URL]:
    """A user of the scratch server who may do nothing there."""
    if scratch_url is None:
        pytest.skip("SQLite has no users")
    name = f"nobody_{secrets.token_hex(4)}"
    engine = sa.create_engine(scratch_url, isolation_level="AUTOCOMMIT")
    is_mysql = engine.name != "postgresql"
    user = f"{name}@`%`" if is_mysql else name
    kind, how = ("USER", "BY") if is_mysql else ("ROLE", "LOGIN PASSWORD")
    identified = f"IDENTIFIED {how}" if is_mysql else how
    statement = f"CREATE {kind} {user} {identified} '{SECRET}'"
    with engine.connect() as connection:
        connection.exec_driver_sql(statement.replace("%", "%%"))
        url = engine.url.set(username=name, password=SECRET)
        yield url.set(database="information_schema") if is_mysql else url
        if not is_mysql:
            connection.exec_driver_sql(f"DROP OWNED BY {user}")
        connection.exec_driver_sql(f"DROP {kind} {user}".replace("%", "%%"))
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({}, "Let its user make databases"),
        ({"port": 1}, "Check that the server runs"),
        ({"username": "stranger_31", "password": "wrong-31"}, "Check the user and the password"),
        ({"database": "no_such_database"}, "C"),
    ],
    ids=["right", "port", "user", "database"],
)
def test_scratch_server_that_refuses_is_one_failure_and_the_rest_is_compared(
    tmp_path: Path, dialect: str, role: sa.URL, change: dict[str, Any], remedy: str
) -> None:
    url = role.set(**change).render_as_string(hide_password=False)

    report = check_with(tmp_path, dialect, url, first=CREATE)

    (failure,) = report.failures
    assert failure.source == "scratch"
    assert remedy in failure.reason
    assert report.exit_code == 2
    assert "BL202" in {finding.code for finding in report.findings}
    every = report.to_text() + report.to_json() + report.to_sarif() + report.to_html()
    assert SECRET not in every
    assert "wrong-31" not in every


def test_no_report_repeats_a_password(project: Path, dialect: str, role: sa.URL) -> None:
    url = role.render_as_string(hide_password=False)
    body = f"raise RuntimeError('cannot use {url} nor password={SECRET}')"
    write_revision(project, "first", None, body)
    (project / "bad_tables.py").write_text(f"def define(db):\n    {body}\n")
    (project / "bad_models.py").write_text(body)
    server = ("--dialect", dialect, "--url", url, "--scratch-url", url)
    quiet = ("--dialect", "sqlite")

    for options in (server, quiet):
        for command in ("check", "lint", "fix", "generate"):
            known = options if command == "check" else quiet[: 2 * (command == "lint")]
            result = run(command, "--project", project, *known)

            assert result.exit_code in {1, 2}
            assert SECRET not in result.output, command


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("cannot execute CREATE DATABASE in a read-only transaction", "takes no writes"),
        ("(1290, 'The MariaDB server is running with the --read-only option", "takes no writes"),
        ('could not extend file "base/1/2": No space left on device', "Free some space"),
        ("(1021, 'Disk full (/tmp/x); waiting for someone to free some space", "Free some space"),
        ('FATAL:  password authentication failed for user "x"', "the password in --scratch-url"),
        ("FATAL:  sorry, too many clients already", "Try again"),
        ("No module named 'psycopg2'", "pip install"),
    ],
)
def test_what_servers_say_has_a_remedy(reason: str, remedy: str) -> None:
    assert remedy in with_remedy(reason, SCRATCH)


def test_temporary_folder_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    report = check_with(tmp_path, "sqlite", None, first=CREATE)

    (failure,) = report.failures
    assert failure.source == "scratch"
    assert "folder for temporary files" in failure.reason
    assert "BL202" in {finding.code for finding in report.findings}
