"""The scan for SQL injection: it finds one that was planted, and passes what binds its values."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, jsonify, request

from scripts.support import injections
from scripts.support.injections import Verdict
from scripts.support.targets import FORMATS, list_targets
from tests.support.databases import ROOT
from tests.support.serving import served

DESCRIPTION: dict[str, Any] = {
    "paths": {
        "/words": {
            "get": {"parameters": [{"name": "word", "in": "query", "schema": {"type": "string"}}]}
        }
    }
}
Question = Callable[[sqlite3.Connection, str], list[Any]]


def bind(connection: sqlite3.Connection, word: str) -> list[Any]:
    return connection.execute("SELECT word FROM words WHERE word = ?", [word]).fetchall()


def paste(connection: sqlite3.Connection, word: str) -> list[Any]:
    return connection.execute(f"SELECT word FROM words WHERE word = '{word}'").fetchall()


@pytest.fixture(scope="module", autouse=True)
def _scanner() -> None:
    install = ". scripts/support/environment.sh && install_scanner"
    done = subprocess.run(
        ["bash", "-c", install], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode or not injections.SQLMAP.exists():
        pytest.skip(f"sqlmap cannot be installed here: {done.stderr[-200:]}")


@pytest.fixture
def words() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("CREATE TABLE words (word TEXT)")
    connection.execute("INSERT INTO words VALUES ('word')")
    yield connection
    connection.close()


def scan(connection: sqlite3.Connection, ask: Question, folder: Path) -> Verdict:
    app = Flask(__name__)

    @app.get("/words")
    def list_words() -> Any:
        try:
            return jsonify(ask(connection, request.args["word"]))
        except sqlite3.Error:
            return jsonify([]), 500

    with served(app) as url:
        (target,) = list_targets(DESCRIPTION, url)
        return injections.try_target("sqlite", target, folder, is_quick=True)


@pytest.mark.slow
def test_planted_injection_is_found(words: sqlite3.Connection, tmp_path: Path) -> None:
    verdict = scan(words, paste, tmp_path)

    assert verdict.outcome == "found", verdict.said
    assert "Parameter: word" in verdict.said


@pytest.mark.slow
def test_bound_value_is_clean(words: sqlite3.Connection, tmp_path: Path) -> None:
    verdict = scan(words, bind, tmp_path)

    assert verdict.outcome == "clean", verdict.said


@pytest.mark.slow
def test_service_that_does_not_answer_is_no_clean_bill(tmp_path: Path) -> None:
    with served(Flask(__name__)) as url:
        (target,) = list_targets(DESCRIPTION, url)

    assert injections.try_target("sqlite", target, tmp_path, is_quick=True).outcome == "broken"


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["clean", "clean"], 0),
        (["clean", "found", "broken"], 1),
        (["clean", "broken"], 2),
        ([], 2),
    ],
)
def test_exit_code_says_what_was_found(
    outcomes: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = [Verdict("sqlite", "GET /words query", outcome, "") for outcome in outcomes]

    assert injections.report(verdicts, as_json=True) == code
    assert '"counts"' in capsys.readouterr().out


def test_every_parameter_is_a_target() -> None:
    text = {"type": "string"}
    reference = {"$ref": "#/components/schemas/Change"}
    description = {
        "paths": {
            "/words/{id}": {
                "patch": {
                    "parameters": [
                        {"name": "id", "in": "path", "schema": text | {"format": "uuid"}},
                        {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                        {"name": "cursor", "in": "query", "schema": text},
                    ],
                    "requestBody": {"content": {"application/json": {"schema": reference}}},
                }
            }
        },
        "components": {"schemas": {"Change": {"type": "object", "properties": {"word": text}}}},
    }

    requests = {
        target.name.partition("} ")[2]: target.request
        for target in list_targets(description, "http://127.0.0.1:1")
    }

    assert set(requests) == {"path", "query", "query cursor", "body"}
    assert f"/words/{FORMATS['uuid']}* HTTP" in requests["path"]
    assert "?limit=1 HTTP" in requests["query"]
    assert requests["body"].endswith('\r\n\r\n{"word": "word"}')


@pytest.mark.parametrize("arguments", [["--engine", "oracle"], ["--fast"], ["here"]])
def test_wrong_use_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        injections.read_options(arguments)

    assert refused.value.code == injections.BROKEN
