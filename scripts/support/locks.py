"""Write and check the lock files. Called by scripts/lock, in the development environment."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OURS = frozenset({"bilayer", "flask-backend"})
SERVICE = "services/flask-backend/pyproject.toml"
LIBRARY = "packages/bilayer/pyproject.toml"
# Lock file: what uv compiles it from. The order matters: dev keeps the versions of run.
LOCKS: Mapping[str, list[str]] = {
    "run": [SERVICE, "--group", "pyproject.toml:build"],
    "dev": [SERVICE, "--group", "pyproject.toml:dev", "-c", "requirements/run.lock"],
    "pydal3": ["--group", "pyproject.toml:pydal3"],
    "scan": ["--group", "pyproject.toml:scan"],
    "bench": ["--group", "pyproject.toml:bench"],
}
OPTIONS = [
    "--universal",
    *("--python-version", "3.11"),
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    *(option for name in sorted(OURS) for option in ("--no-emit-package", name)),
    *("--custom-compile-command", "scripts/lock"),
    "--quiet",
]
USAGE = 2


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    if arguments == ["--check"]:
        return check()
    if arguments in ([], ["--upgrade"]):
        return write(arguments)
    print("Usage: scripts/lock [--upgrade | --check]", file=sys.stderr)
    return USAGE


def write(options: list[str]) -> int:
    """Resolve every lock file anew and note in it what it was made for."""
    for name, requirements in wanted_requirements(ROOT).items():
        target = ROOT / f"requirements/{name}.lock"
        print(f"Writing requirements/{name}.lock")
        command = [
            str(Path(sys.executable).with_name("uv")),
            "pip",
            "compile",
            *OPTIONS,
            *options,
            *LOCKS[name],
            "-o",
            str(target),
        ]
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
            return 1
        with target.open("a") as lock:
            lock.write(f"{_note(requirements)}\n")
    return check()


def check() -> int:
    """Compare the lock files with the pyproject.toml files; print each difference."""
    problems = list(find_problems(ROOT))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("Run scripts/lock and commit what it writes.", file=sys.stderr)
    return int(bool(problems))


def find_problems(root: Path) -> Iterator[str]:
    """Say what is missing, unsatisfied, unhashed or out of step in the lock files of a tree."""
    pins: dict[str, dict[str, set[str]]] = {}
    for name, requirements in wanted_requirements(root).items():
        text = (root / f"requirements/{name}.lock").read_text()
        pins[name] = _pins(text)
        if _note(requirements) not in text:
            yield f"{name}.lock was made for other requirements."
        if re.search(r"^[^#]*(://|--index|--find|^\.?/)", text, re.MULTILINE):
            yield f"{name}.lock names an index or a path."
        if re.search(r"==.*[^\\]$", text, re.MULTILINE):
            yield f"{name}.lock has a package without hashes."
        yield from _unsatisfied(name, requirements, pins[name])
    for package, versions in pins["run"].items():
        if pins["dev"].get(package) != versions:
            yield f"{package} is not the same in run.lock and dev.lock."


def wanted_requirements(root: Path) -> dict[str, list[str]]:
    """List for each lock file the requirements that the pyproject.toml files give it."""
    service, library = (_load(root / path)["project"] for path in (SERVICE, LIBRARY))
    packages = [*service["dependencies"], *_library_requirements(service, library)]
    groups = _load(root / "pyproject.toml")["dependency-groups"]
    return {
        "run": [*packages, *_group(groups, "build")],
        "dev": [*packages, *_group(groups, "dev")],
        "pydal3": _group(groups, "pydal3"),
        "scan": _group(groups, "scan"),
        "bench": _group(groups, "bench"),
    }


def _unsatisfied(name: str, requirements: list[str], pins: Mapping[str, set[str]]) -> Iterator[str]:
    for requirement in map(Requirement, requirements):
        package = canonicalize_name(requirement.name)
        if package in OURS:
            continue
        versions = pins.get(package, set())
        if not versions:
            yield f"{name}.lock lacks {requirement}."
        for version in versions:
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"{name}.lock has {package} {version}; wanted is {requirement}."


def _note(requirements: list[str]) -> str:
    """Describe requirements in one line, so that any change of them shows."""
    digest = hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()
    return f"# made for requirements {digest}"


def _pins(text: str) -> dict[str, set[str]]:
    """Read the versions a lock file pins; a package can have one a platform."""
    pins: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([\w.!+]+)", text, re.MULTILINE):
        pins.setdefault(canonicalize_name(package), set()).add(version)
    return pins


def _library_requirements(service: Mapping[str, Any], library: Mapping[str, Any]) -> list[str]:
    """List what the library needs with the extras that the service asks for."""
    asked = next(r for r in map(Requirement, service["dependencies"]) if r.name == "bilayer")
    extras = library["optional-dependencies"]
    return [*library["dependencies"], *(text for name in asked.extras for text in extras[name])]


def _group(groups: Mapping[str, list[Any]], name: str) -> list[str]:
    found: list[str] = []
    for entry in groups[name]:
        found += [entry] if isinstance(entry, str) else _group(groups, entry["include-group"])
    return found


def _load(path: Path) -> dict[str, Any]:  # Any: TOML.
    return tomllib.loads(path.read_text())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
