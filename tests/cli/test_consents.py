"""``backend consents`` on each engine: what is published is there for good."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.errors import Conflict
from app.usecases import publishing, terms
from tests.support.service import connected, settings_for
from tests.support.threads import run_together

BODY = "# Terms\n\nBe kind. Ünïcödé 🦜\r\n"
LARGEST = publishing.MAX_TEXT_BYTES


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "terms.md"
    path.write_bytes(BODY.encode())
    return path


def run(*arguments: object) -> Result:
    command = ["consents", *map(str, arguments)]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def publish(path: Path, version: str = "1", *, language: str = "en", **options: Any) -> Result:
    further = [word for name, value in options.items() for word in (f"--{name}", value)]
    return run("publish", "terms", version, "--language", language, "--file", path, *further)


def published() -> list[dict[str, Any]]:
    facts: dict[str, Any] = json.loads(run("documents", "--json").stdout)
    return list(facts["documents"])


def test_text_is_published_as_it_is_and_again_without_effect(
    text: Path, database_url: str, tmp_path: Path
) -> None:
    assert run("documents").stdout == "Nothing was published yet.\n"

    first = publish(text)
    again = json.loads(run(*_words(text), "--json").stdout)

    digest = hashlib.sha256(BODY.encode()).hexdigest()
    assert first.exit_code == 0
    assert first.stdout.startswith("Published terms 1 in en, in force from 20")
    assert (again["published"], again["sha256"]) == (False, digest)
    (row,) = published()
    assert (row["version"], row["sha256"], row["is_in_force"]) == ("1", digest, True)
    assert run("documents").stdout.startswith("* terms 1 en  from 20")
    with connected(settings_for(database_url, tmp_path)):
        assert terms.require_document("terms", "1", "en")["body"] == BODY


def _words(text: Path) -> list[object]:
    return ["publish", "terms", "1", "--language", "en", "--file", text]


def test_published_text_is_never_changed(text: Path) -> None:
    publish(text)
    before = published()
    text.write_bytes(BODY.replace("\r\n", "\n").encode())  # Another end is another text.

    result = publish(text)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Publish a new version" in result.stderr
    assert published() == before


def test_languages_of_a_version_come_into_force_together(text: Path) -> None:
    begin = "2099-01-01T01:00:00+01:00"
    publish(text, "2", **{"effective-at": begin})
    assert publish(text, "2", language="de").exit_code == 0
    assert publish(text, "2", language="fr", **{"effective-at": begin}).exit_code == 0

    other = publish(text, "2", language="it", **{"effective-at": "2099-01-02T00:00:00Z"})

    assert (other.exit_code, "at another time" in other.stderr) == (1, True)
    rows = published()
    assert [row["language"] for row in rows] == ["en", "de", "fr"]
    assert {row["effective_at"] for row in rows} == {datetime(2099, 1, 1, tzinfo=UTC).isoformat()}
    assert {row["is_in_force"] for row in rows} == {False}


UNFIT = [
    (b"a" * 2**20, f"at most {LARGEST} bytes; this has 1048576"),
    (b"a" * (LARGEST + 1), f"at most {LARGEST} bytes"),
    (b"", "empty"),
    (b" \n\t", "empty"),
    (b"Be k\xefnd.", "not UTF-8: see byte 4"),
    ("Be kind.".encode("utf-16"), "not UTF-8"),
    (b"\xef\xbb\xbfBe kind.", "byte order mark"),
    (b"Be\0kind.", "NUL"),
]


def test_text_that_is_none_is_refused(text: Path) -> None:
    for body, said in UNFIT:
        text.write_bytes(body)

        result = publish(text)

        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr
    assert published() == []


def test_largest_text_is_kept(text: Path, database_url: str, tmp_path: Path) -> None:
    text.write_bytes("é".encode() * (LARGEST // 2))

    assert publish(text).exit_code == 0

    with connected(settings_for(database_url, tmp_path)):
        assert terms.require_document("terms", "1", "en")["body"] == "é" * (LARGEST // 2)


def test_names_that_are_none_are_all_told(text: Path) -> None:
    result = run("publish", "Terms", "1/2", "--language", "english!", "--file", text)

    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stderr.splitlines()[1:]] == [
        "document",
        "version",
        "language",
    ]


def test_time_needs_its_zone(text: Path) -> None:
    for time in ("tomorrow", "2099-01-01", "2099-01-01T00:00:00"):
        result = publish(text, **{"effective-at": time})

        assert (result.exit_code, "RFC 3339" in result.stderr) == (2, True)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert publish(tmp_path / "none.md").exit_code == 2


@pytest.mark.parametrize("is_same", [True, False])
def test_publishing_at_once_leaves_one_text(
    database_url: str, tmp_path: Path, *, is_same: bool
) -> None:
    bodies = ["same" if is_same else f"text {number}" for number in range(6)]
    with connected(settings_for(database_url, tmp_path)):
        outcomes = run_together(
            [partial(publishing.publish, "terms", "1", "en", body=body) for body in bodies]
        )
        (row,) = terms.list_documents()

    done = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert [is_new for _, is_new in done].count(True) == 1
    assert {one["sha256"] for one, _ in done} == {row["sha256"]}
    assert len(done) == (6 if is_same else 1)
    assert all(isinstance(outcome, tuple | Conflict) for outcome in outcomes)
