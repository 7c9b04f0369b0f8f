"""The image is made of plain steps, holds nothing but the product, and runs as no superuser."""

from __future__ import annotations

import json
import os
import re
import subprocess

from app.config import Settings
from tests.container.dockerfile import SERVICE, Instruction, read_stages
from tests.support.databases import ROOT

PLAIN = {
    *("FROM", "WORKDIR", "RUN", "COPY", "ENV", "VOLUME", "EXPOSE", "USER"),
    *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
}


def all_instructions() -> list[Instruction]:
    return [instruction for stage in read_stages() for instruction in stage]


def texts(name: str, stage: int | None = None) -> list[str]:
    found = all_instructions() if stage is None else read_stages()[stage]
    return [instruction.text for instruction in found if instruction.name == name]


def copied() -> list[str]:
    """List what is copied from the repository."""
    sources = [text.split()[:-1] for text in texts("COPY") if not text.startswith("--from")]
    return [source for group in sources for source in group]


def test_every_step_is_one_that_every_builder_knows() -> None:
    text = (SERVICE / "Dockerfile").read_text()

    assert {instruction.name for instruction in all_instructions()} <= PLAIN
    assert not re.search(r"#\s*syntax|<<|--link|--mount|--chmod", text)


def test_both_stages_have_the_same_interpreter_at_the_same_place() -> None:
    images = [text.split()[0] for text in texts("FROM")]

    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", images[0])
    assert texts("COPY", stage=-1)[-1] == "--from=build /app /app"
    # What a build fetches comes from the images' registry, Debian and the lock, and nowhere else.
    assert {text.split()[0] for text in texts("COPY", stage=-1)} == {
        "--from=postgres:16-bookworm",
        "--from=build",
    }
    assert "pgdg" not in " ".join(texts("RUN"))
    assert set(texts("WORKDIR")) == {"/app"}


def test_what_is_copied_is_in_the_repository_and_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    for source in copied():
        listed = subprocess.run(
            ["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert listed.stdout, f"{source} is not in the repository"

    assert next(line for line in ignored if not line.startswith("#")) == "*"
    assert sorted(kept) == sorted(copied())


def test_packages_come_from_the_lock_with_hashes_before_any_code() -> None:
    build = read_stages()[0]
    steps = [f"{step.name} {step.text}" for step in build]
    [locked] = [i for i, step in enumerate(steps) if "--require-hashes" in step]
    [ours] = [i for i, step in enumerate(steps) if "--no-deps" in step]
    first_code = next(i for i, step in enumerate(steps) if "COPY alembic" in step)

    assert "--only-binary :all: -r requirements/run.lock" in steps[locked]
    assert "--no-index" in steps[ours]
    assert locked < first_code < ours


def test_it_runs_as_a_user_with_a_fixed_number_that_owns_its_data_and_no_code() -> None:
    last = [instruction.name for instruction in read_stages()[-1]]

    assert texts("USER", stage=-1) == ["10001:10001"]
    assert last.index("COPY") < last.index("USER") < last.index("ENTRYPOINT")
    assert texts("VOLUME") == ["/data"]
    assert "chown" not in " ".join(texts("COPY") + texts("RUN"))


def test_it_has_the_tools_that_make_backups_and_a_place_for_them() -> None:
    steps = " ".join(texts("RUN", stage=-1))

    assert {"mariadb-client", "postgresql-client"} <= set(steps.split())
    assert re.search(r"install -d -o app -g app -m 0700 /data /backups", steps)
    assert steps.count("apt-get install") == steps.count("--no-install-recommends")


def test_it_holds_no_secret_and_no_setting_that_is_none() -> None:
    given = dict(pair.split("=", 1) for text in texts("ENV") for pair in text.split())
    settings = {name.lower(): value for name, value in given.items() if "PYTHON" not in name}
    path = settings.pop("path")

    assert path == "/app/.venv/bin:$PATH"
    assert set(settings) <= set(Settings.model_fields)
    assert settings == {"env": "prod", "data_dir": "/data", "host": "0.0.0.0", "port": "5000"}


def test_what_it_starts_is_there_and_needs_no_curl() -> None:
    [entry] = texts("ENTRYPOINT")
    [check] = texts("HEALTHCHECK")
    [command] = json.loads(entry)
    probe = json.loads(check[check.index("[") :])

    assert os.access(ROOT / command.removeprefix("/app/"), os.X_OK)
    assert (probe[0], probe[2]) == ("python", "/healthz")
    assert (ROOT / probe[1].removeprefix("/app/")).exists()
    assert "curl" not in (SERVICE / "Dockerfile").read_text()
