"""The child process that records what revisions do: ``python -m bilayer.drift.lint.child``.

Confined like the one that replays migrations. With ``offline`` in the request, the revisions are
asked for their statements, and no database is used.
"""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from bilayer.drift.lint.record import Recorder, read_downgrades, record_offline
from bilayer.drift.readers.replay import read_request, run


def main() -> None:
    """Read a request from standard input, record, write the answer to standard output."""
    request = read_request()

    def act(config: Config, script: ScriptDirectory, answer: dict[str, Any]) -> None:
        revisions = answer["revisions"]
        recorder = Recorder({each["revision"]: each["path"] for each in revisions})
        answer["downgrades"] = read_downgrades(revisions)
        answer["order"] = [each.revision for each in script.walk_revisions()][::-1]
        answer["steps"] = recorder.steps
        if request["offline"]:
            answer["unread"] = record_offline(config, script, request["offline"], recorder)
        else:
            with recorder.installed():
                command.upgrade(config, "heads")

    run(request, act)


if __name__ == "__main__":
    main()
