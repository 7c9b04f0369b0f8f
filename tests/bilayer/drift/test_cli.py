"""The command line: configuration, formats, exit codes, help."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

import bilayer
from bilayer.cli import main
from bilayer.drift.rehearsal.cost import Cost
from bilayer.drift.rehearsal.project import Rehearsal
from bilayer.errors import BilayerError
from tests.bilayer.drift.conftest import PROJECTS
from tests.bilayer.drift.project import CREATE, ENV, write_project

LAYERS = """
[tool.bilayer]
models = "layers_models:metadata"
runtime = "layers_tables:define"
dialects = ["sqlite", "postgresql"]
pythonpath = ["."]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with drift; its modules are those of the sample project."""
    (tmp_path / "pyproject.toml").write_text(LAYERS.replace('"."', f'"{PROJECTS / "layers"}"'))
    return tmp_path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_check_alone_is_enough(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)

    result = run("check")

    assert result.exit_code == 1
    assert "on sqlite, postgresql" in result.output


def test_project_is_found_from_a_folder_below(project: Path) -> None:
    (project / "a" / "b").mkdir(parents=True)

    assert run("check", "--project", project / "a" / "b").exit_code == 1


@pytest.mark.parametrize("command", ["lint", "rehearse"])
def test_env_py_imports_from_the_folders_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    write_project(tmp_path, env=f"import in_a_folder_of_its_own\n{ENV}", first=CREATE)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "in_a_folder_of_its_own.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.bilayer]\nmigrations = "alembic.ini"\npythonpath = ["models"]\n'
    )
    monkeypatch.setattr(sys, "path", [*sys.path])

    result = run(command, "--project", tmp_path)

    assert "revision first" in result.output  # it cannot be undone
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "html"])
def test_every_format_is_written_to_a_file(project: Path, form: str) -> None:
    output = project / "report"

    result = run("check", "--project", project, "--format", form, "--output", output)

    assert result.exit_code == 1
    assert result.output == ""
    assert "type_family" in output.read_text()


def test_report_gives_a_kept_report_another_form(project: Path) -> None:
    kept = project / "drift.json"
    run("check", "--project", project, "--json", "--output", kept)

    result = run("report", kept, "--format", "sarif")

    assert result.exit_code == 1
    assert json.loads(result.output)["version"] == "2.1.0"


def test_dialects_are_chosen(project: Path) -> None:
    result = run("check", "--project", project, "--dialect", "mariadb", "--json")

    assert json.loads(result.output)["engines"] == ["mysql"]


def test_fail_on_warning_counts_warnings(tmp_path: Path) -> None:
    (tmp_path / "warned.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('t', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
        "def define(db): pass\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.bilayer]\nmodels = "warned:metadata"\nruntime = "warned:define"\n'
        'pythonpath = ["."]\n'
    )

    assert run("check", "--project", tmp_path).exit_code == 0
    assert run("check", "--project", tmp_path, "--fail-on", "warning").exit_code == 1


def test_values_command_reports_values_only(project: Path) -> None:
    result = run("values", "--project", project, "--dialect", "sqlite", "--json")

    codes = {finding["code"] for finding in json.loads(result.output)["findings"]}
    assert result.exit_code == 1
    assert codes
    assert codes <= {"BL501", "BL502", "BL503"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "no pyproject.toml with a [tool.bilayer] table"),
        ("[tool.bilayer]\nmodel = 'x:y'", "unknown keys: model"),
        ("[tool.bilayer]\nmodels = 'nowhere_at_all:metadata'", "cannot be imported"),
        ("[tool.bilayer]\nmodels = 5", "must be text"),
        ("[tool.bilayer]\nruntime = ['x']", "must be text"),
        ("[tool.bilayer]\nmigrations = 'gone.ini'", "there is no gone.ini"),
        ("[tool.bilayer]\ndialects = ['oracle']", "is not supported"),
        (LAYERS.replace('"."', f'"{PROJECTS / "layers"}"') + "runtime_adapter = 'odd'", "unknown"),
        ("[tool.bilayer", "pyproject.toml"),
    ],
)
def test_configuration_that_makes_no_sense_is_exit_code_2(
    tmp_path: Path, table: str, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(table)

    result = run("check", "--project", tmp_path)

    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_explain_tells_what_a_code_means() -> None:
    result = run("explain", "bl204")

    assert result.exit_code == 0
    assert "type-mismatch" in result.output
    assert run("explain", "type-mismatch").output == result.output
    assert json.loads(run("explain", "BL204", "--json").output)[0]["code"] == "BL204"
    assert run("explain", "all").output.count("Example:") > 40


def test_explain_of_nothing_is_an_error() -> None:
    result = run("explain", "BL999")

    assert result.exit_code == 1
    assert "no finding is called BL999" in result.output


@pytest.mark.parametrize("command", [[], *([name] for name in sorted(main.commands))], ids=" ".join)
def test_help_shows_an_example_on_a_line_of_its_own_and_the_exit_codes(
    command: list[str],
) -> None:
    result = run(*command, "--help")

    lines = [line.strip() for line in result.output.splitlines()]
    name = " ".join(["bilayer", *(command or ["check"])])
    assert result.exit_code == 0
    assert [line for line in lines[1:] if line.startswith(name)]
    assert "Exit codes:" in result.output
    assert "\\b" not in result.output


@pytest.mark.parametrize("form", ["text", "json", "html", "github", "sarif"])
def test_letters_the_terminal_lacks_stop_nothing(tmp_path: Path, form: str) -> None:
    report = {
        "findings": [], "failures": [{"source": "Straße 顧客", "reason": "\udc80"}],
        "not_done": [], "engines": [], "partly": [],
    }  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps(report))

    result = CliRunner(charset="ascii").invoke(
        main, ["report", str(tmp_path / "report.json"), "--format", form]
    )

    assert result.exit_code == 2, result.exception
    shown = result.stdout_bytes.decode("ascii" if form == "text" else "utf-8")
    assert ("Stra\\xdfe \\u9867\\u5ba2" if form == "text" else "Straße 顧客") in shown
    assert "udc80" in shown


def test_file_that_is_no_report_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[]")

    result = run("report", tmp_path / "report.json")

    assert result.exit_code == 2
    assert "no report" in result.output


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "nothing to compare"),
        ('models = "broken_models:metadata"', "nothing to compare"),
        ('runtime = "broken_models:define"', "nothing to compare"),
        (
            'models = "broken_models:metadata"\nruntime = "broken_models:define"\ndialects = []',
            "dialects is empty",
        ),
        (
            'models = "broken_models:text"\nruntime = "broken_models:define"',
            "is no MetaData",
        ),
        (
            'models = "leaving_models:metadata"\nruntime = "broken_models:define"',
            "cannot be imported: SystemExit",
        ),
        (
            'models = "broken_models:metadata"\nruntime = "broken_models:leave"',
            "SystemExit: 0. Mend it there",
        ),
    ],
    ids=["empty", "models", "runtime", "engines", "text", "exit-models", "exit-define"],
)
def test_check_that_compares_nothing_is_no_success(tmp_path: Path, table: str, reason: str) -> None:
    (tmp_path / "broken_models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\ntext = 'abc'\n"
        "def define(db): pass\ndef leave(db): raise SystemExit(0)\n"
    )
    (tmp_path / "leaving_models.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "pyproject.toml").write_text(f'[tool.bilayer]\npythonpath = ["."]\n{table}\n')

    result = CliRunner().invoke(main, ["check", "--project", str(tmp_path)])
    sys.modules.pop("broken_models", None)

    assert result.exit_code == 2
    assert reason in " ".join(result.output.split())


def test_call_that_compares_nothing_is_refused() -> None:
    with pytest.raises(BilayerError, match="nothing can be compared"):
        bilayer.check(metadata=sa.MetaData())


def test_output_that_cannot_be_written_is_said_in_a_sentence(project: Path) -> None:
    result = run("check", "--project", project, "--output", project / "missing" / "report.txt")

    assert result.exit_code == 2
    assert "report.txt cannot be written: No such file or directory" in result.output


def test_interrupt_has_the_exit_code_of_its_signal(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bilayer.cli.check.check_project", interrupt)

    assert run("check", "--project", project).exit_code == 130


def test_scratch_servers_may_be_named_by_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILAYER_SCRATCH_URLS", "postgresql://a@h/x oracle://a@h/x")

    result = run("check", "--project", project)

    assert result.exit_code == 2
    assert "'oracle' is not supported" in result.output


@pytest.mark.parametrize("is_kept", [False, True], ids=["printed", "kept"])
def test_text_of_a_rehearsal_has_what_revisions_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_kept: bool
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.bilayer]\n")
    cost = Cost("8b27d5c0e91f", 1_000_000, 1.5, 0, 0, (), {})
    found = Rehearsal(bilayer.Report.of(()), (cost,))
    module = importlib.import_module("bilayer.cli.rehearse")
    monkeypatch.setattr(module, "rehearse_project", lambda *_, **__: found)
    output = tmp_path / "costs.txt"
    options = ["--output", str(output)] if is_kept else []

    result = CliRunner().invoke(main, ["rehearse", "--project", str(tmp_path), *options])

    text = output.read_text() if is_kept else result.stdout
    assert "On tables of 1,000,000 rows" in text
    assert "strongest lock" in text
    assert text.rstrip().splitlines()[-1].startswith("0 errors")
    assert not (is_kept and result.stdout)
