"""The steps of the Dockerfile, taken here, make something that runs where nothing can be written.

No engine and no base image are needed: the first stage is carried out in a folder, with the
interpreter of this machine.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.container.conftest import PASSWORDS, Roles
from tests.container.dockerfile import read_stages
from tests.container.processes import bare, environ_of, started
from tests.support.databases import ROOT
from tests.support.production import PRODUCTION
from tests.support.run import Run

pytestmark = pytest.mark.slow

# In a name space of its own everything becomes read only but two folders.
READ_ONLY = """
mount --bind "$APP" "$APP" && mount -o remount,bind,ro "$APP" && mount -o remount,bind,ro / &&
mount -t tmpfs none "$TMPDIR" && mount -t tmpfs none "$DATA_DIR" && exec "$@"
"""


@pytest.fixture
def image(suite_run: Run) -> Iterator[Path]:
    """What the first stage makes; its /app is a folder here."""
    folder = suite_run.folder / f"image-{os.getpid()}"
    app = folder / "app"
    app.mkdir(parents=True)
    for step in read_stages()[0]:
        if step.name == "COPY":
            *sources, target = step.text.split()
            for source in sources:
                copy(source, app / target)
            # As a strict umask makes them.
            execute("chmod -R go= .", app)
        elif step.name == "RUN":
            execute(step.text, app)
    yield app
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


def copy(source: str, target: Path) -> None:
    """Copy as a builder does, which is not sent what .dockerignore names."""
    if (ROOT / source).is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.py[co]", ".*_cache")
        shutil.copytree(ROOT / source, target, ignore=ignored)
    else:
        folder = target if target.suffix == "" else target.parent
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, folder)


def execute(command: str, app: Path) -> None:
    base = shlex.quote(getattr(sys, "_base_executable", sys.executable))
    # Packages that this machine has fetched before need not be fetched again.
    line = re.sub(r"^python ", f"{base} ", command).replace("--no-cache-dir", "")
    # pip's own settings say where packages come from on this machine.
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = bare(HOME=os.environ["HOME"], **pip)
    done = subprocess.run(
        ["sh", "-c", line], cwd=app, env=environment, capture_output=True, text=True, check=False
    )
    if "NewConnectionError" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.fixture
def variables(image: Path, new_roles: Roles, tmp_path: Path) -> dict[str, str]:
    """The environment of a container."""
    environment = bare(
        **PRODUCTION,
        DATABASE_URL=new_roles.url("rw"),
        MIGRATION_DATABASE_URL=new_roles.url("owner"),
        PYTHONDONTWRITEBYTECODE="1",
        WORKERS="1",
        PORT="0",
        APP=str(image),
        DATA_DIR=str(tmp_path / "data"),
        TMPDIR=str(tmp_path / "tmp"),
    )
    for name in ("DATA_DIR", "TMPDIR"):
        Path(environment[name]).mkdir()
    return environment | {"PATH": f"{image}/.venv/bin:{environment['PATH']}"}


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_it_holds_what_is_locked_and_serves_on_a_read_only_file_system(
    image: Path, new_roles: Roles, variables: dict[str, str], tmp_path: Path
) -> None:
    entrypoint = image / "services/flask-backend/entrypoint.sh"
    command: list[str | Path] = [*read_only(image), entrypoint, "serve"]
    compiled = {path: path.stat().st_mtime_ns for path in image.rglob("*.pyc")}

    with started(command, tmp_path, variables) as container:
        said = container.wait_for("listening")
        port = said.rpartition("http://127.0.0.1:")[2].partition('"')[0]
        check = [image / ".venv/bin/python", image / "services/flask-backend/healthcheck.py"]
        ready = subprocess.run([*check, "/readyz"], env=bare(PORT=port), check=False)
        processes = [environ_of(pid) for pid in container.family()]
        container.process.terminate()
        code = container.process.wait(60)

    assert (ready.returncode, code) == (0, 0)
    assert not any("app_owner" in text for text in processes)
    assert PASSWORDS["owner"] not in container.output.read_text()
    assert packages_of(image) - locked_packages() <= {
        "bilayer",
        "flask-backend",
        "pip",
        "setuptools",
    }
    assert [path for path in image.rglob("*") if not path.stat().st_mode & 0o004] == []
    assert compiled
    assert {path: path.stat().st_mtime_ns for path in image.rglob("*.pyc")} == compiled


def read_only(image: Path) -> list[str]:
    """Return what stands before a command so that it can write nowhere but to its folders."""
    probe = partial(subprocess.run, capture_output=True, check=False)
    if os.geteuid() == 0 and probe(["unshare", "-m", "true"]).returncode == 0:
        return ["unshare", "-m", "--", "sh", "-c", READ_ONLY, "sh"]
    # Not the superuser: taking the right to write away is enough for the image itself.
    subprocess.run(["chmod", "-R", "a-w", image], check=True)
    return []


def packages_of(image: Path) -> set[str]:
    listed = subprocess.run(
        [image / ".venv/bin/python", "-m", "pip", "list", "--format=freeze"],
        env=bare(),
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.partition("==")[0].lower().replace("_", "-") for line in listed.stdout.split()}


def locked_packages() -> set[str]:
    lock = (ROOT / "requirements/run.lock").read_text()
    return {name.lower() for name in re.findall(r"(?m)^([\w.-]+)==", lock)}
