"""The child process that replays migrations: ``python -m bilayer.drift.readers.replay``.

A stranger's env.py may read its own environment, name its own URL, or connect past Alembic.
Here every engine it makes is an engine on the scratch database, every database URL in the
environment is the scratch URL, and a connection to anything else is refused.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from bilayer.drift.passwords import hide_passwords
from bilayer.drift.readers.confine import confine

_SCHEMES: Final = ("sqlite", "postgres", "mysql", "mariadb")


Act = Callable[[Config, ScriptDirectory, dict[str, Any]], None]
"""What is done once the revisions have been listed; puts what it found into the answer."""


def main() -> None:
    """Read a request from standard input, replay, write the answer to standard output."""
    request = read_request()
    run(request, lambda config, _script, answer: _upgrade(config, answer, request["target"]))


def read_request() -> dict[str, Any]:
    """Read the request; from then on this process ends when the one that asked does."""
    request: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_asker, daemon=True).start()
    # Python's last look for garbage takes a sixth of the replay, and the process ends anyway.
    atexit.register(gc.freeze)
    return request


def _end_with_asker() -> None:
    """Wait for the end of standard input, which the asker keeps open while it lives."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def run(request: dict[str, Any], act: Act) -> None:
    """Confine this process, list the revisions, act, and write the answer.

    Args:
        request: See ``migrations.asking``.
        act: Does what was asked for.
    """
    # What a project prints is no part of the answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _tell_revisions(answers)
    sys.path[:] = request["sys_path"]
    scratch = sa.make_url(request["url"])
    confine(scratch)
    _replace_urls(request["url"])
    answer: dict[str, Any] = {}
    try:
        _read_and_act(request, answer, act)
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's code raises is the answer
        answer["error"] = summarize(error)
        answer["error_place"] = find_place(error, answer.get("version_locations", ()))
    with answers:
        json.dump(answer, answers)


def _tell_revisions(stream: TextIO) -> None:
    """Name each revision before it runs: a process that ends in it says nothing more."""
    configure = EnvironmentContext.configure

    def tell(revision: str | None) -> None:
        stream.write(json.dumps({"running": revision}) + "\n")
        stream.flush()

    def telling(find: Callable[[Any, Any], Iterable[Any]]) -> Callable[[Any, Any], Iterator[Any]]:
        def find_and_tell(heads: Any, context: Any) -> Iterator[Any]:
            for step in find(heads, context):
                tell(getattr(getattr(step, "revision", None), "revision", None))
                yield step
            tell(None)

        return find_and_tell

    def watched(self: EnvironmentContext, *args: Any, **options: Any) -> None:
        find = options.get("fn") or self.context_opts.get("fn")
        if find is not None:  # Alembic runs what this finds, one after the other.
            options["fn"] = telling(find)
        configure(self, *args, **options)

    EnvironmentContext.configure = watched  # type: ignore[method-assign]  # for this process only


def _replace_urls(scratch: str) -> None:
    """Point every variable that holds a database URL to the scratch database."""
    for name, value in os.environ.items():  # noqa: TID251 - this guards the environment
        scheme, mark, _ = value.partition("://")
        if mark and scheme.startswith(_SCHEMES):
            os.environ[name] = scratch  # noqa: TID251 - as above


def _read_and_act(request: dict[str, Any], answer: dict[str, Any], act: Act) -> None:
    config = _load(request)
    script = ScriptDirectory.from_config(config)
    answer["script_location"] = str(Path(script.dir).resolve())
    locations = script.version_locations or [str(Path(script.dir) / "versions")]
    answer["version_locations"] = [str(Path(path).resolve()) for path in locations]
    answer["env_path"] = str(Path(script.env_py_location).resolve())
    answer["revisions"] = list(_list_revisions(answer["version_locations"]))
    answer["missing"] = _list_missing(answer["revisions"])
    if answer["missing"]:
        message = "a revision is missing"
        raise CommandError(message)
    answer["heads"] = list(script.get_heads())
    answer["bases"] = list(script.get_bases())
    act(config, script, answer)


def _upgrade(config: Config, answer: dict[str, Any], target: str) -> None:
    if target != "heads" and not _has_revision(answer, target):
        answer["missing_target"] = True
        return
    watch_env(answer)
    command.upgrade(config, target)


def _load(request: dict[str, Any]) -> Config:
    config = Config(request["file"], toml_file=request["toml"], ini_section=request["section"])
    for name, value in request["options"].items():
        if name != "here":
            config.set_main_option(name, value)
    config.set_main_option("sqlalchemy.url", request["url"].replace("%", "%%"))
    return config


def _list_revisions(locations: list[str]) -> Iterator[dict[str, Any]]:
    """Read ids from the files' text, so that one broken file does not hide the others."""
    for location in locations:
        for path in sorted(Path(location).rglob("*.py")):
            values = _read_constants(path)
            down = values.get("down_revision")
            downs = [down] if isinstance(down, str) else list(down or ())
            if isinstance(values.get("revision"), str):
                yield {"revision": values["revision"], "down": downs, "path": str(path.resolve())}


def _read_constants(path: Path) -> dict[str, Any]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, Any] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
                with contextlib.suppress(ValueError):
                    found[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]  # only assignments get here
    return found


def _list_missing(revisions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """List the predecessors nobody is, each with the file that names it."""
    ids = {item["revision"] for item in revisions}
    # Alembic accepts the beginning of an id as well.
    return [
        (down, item["path"])
        for item in revisions
        for down in item["down"]
        if not any(known.startswith(down) for known in ids)
    ]


def _has_revision(answer: dict[str, Any], revision: str) -> bool:
    return any(item["revision"] == revision for item in answer["revisions"])


def watch_env(answer: dict[str, Any]) -> None:
    """Note what env.py tells Alembic: its metadata and the name of its version table."""
    configure = EnvironmentContext.configure

    def watched(self: EnvironmentContext, *args: Any, **options: Any) -> None:
        answer["env_ran"] = True
        metadata = options.get("target_metadata")
        if metadata is not None:
            several = metadata if isinstance(metadata, list | tuple) else [metadata]
            tables = [name for each in several for name in each.tables]
            answer["env_tables"] = sorted({*tables, *(answer.get("env_tables") or ())})
        version_table = options.get("version_table") or "alembic_version"
        schema = options.get("version_table_schema")
        full_name = f"{schema}.{version_table}" if schema else version_table
        answer.setdefault("version_tables", []).append(full_name)
        configure(self, *args, **options)

    EnvironmentContext.configure = watched  # type: ignore[method-assign]  # for this process only


def summarize(error: BaseException) -> str:
    """Give an error's type and the first line of what it says."""
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    if text == "not authorized":
        text = "not authorized: a migration is replayed without ATTACH of another file"
    return hide_passwords(f"{type(error).__name__}: {text.splitlines()[0]}")


def find_place(error: BaseException, locations: Sequence[str]) -> tuple[str, int] | None:
    """Find the innermost line of a revision, or else of the project's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if any(frame.filename.startswith(location) for location in locations):
            return frame.filename, frame.lineno or 1
    for frame in reversed(frames):
        if Path(frame.filename).name == "env.py":
            return frame.filename, frame.lineno or 1
    return None


if __name__ == "__main__":
    main()
