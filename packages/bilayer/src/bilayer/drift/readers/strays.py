"""Python files that stand in Alembic's way, or where Alembic does not look. Runs none of them."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Final

from alembic.config import Config

_FOREIGN_FOLDERS: Final = frozenset(
    {"__pycache__", "node_modules", "site-packages", "build", "dist"}
)
_REVISION_LINE: Final = re.compile(r"^(?:down_)?revision\b[^=\n]*=", re.MULTILINE)


def find_root(config: Config) -> Path | None:
    """Find the project's folder: where its Alembic configuration lies."""
    path = config.config_file_name or config.toml_file_name
    return Path(str(path)).resolve().parent if path else None


def find_init(folder: Path, root: Path | None) -> str | None:
    """Find the file that makes a package of a folder called like the library."""
    folders = [folder] if folder.name == "alembic" else []
    inits = [each / "__init__.py" for each in [*folders, *([root / "alembic"] if root else [])]]
    return next((str(init) for init in inits if init.is_file()), None)


def find_strays(folder: Path, locations: list[Path], root: Path | None) -> list[str]:
    """List files beside the versions folders, and elsewhere, that have the lines of a revision.

    What belongs to another environment (an ``env.py`` above it) is in its place.
    """
    known = {location.resolve() for location in locations}
    home = folder.resolve()
    strays = []
    for path in _list_python(home, root):
        if path.name == "env.py" or not known.isdisjoint(path.parents):
            continue
        is_of_another = any(
            parent != home and (parent / "env.py").is_file()
            for parent in path.parents
            if root is None or parent.is_relative_to(root)
        )
        if is_of_another:
            continue
        if _is_revision(path):
            strays.append(str(path))
    return strays


def _is_revision(path: Path) -> bool:
    """Tell whether a module assigns what a revision assigns."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if len(set(_REVISION_LINE.findall(text))) < 2:  # noqa: PLR2004 - revision and down_revision
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return True  # A revision with a mistake in it is no less in the wrong place.
    targets: list[ast.expr] = []
    for node in tree.body:
        targets += node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AnnAssign) else []
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    return {"revision", "down_revision"} <= names


def _list_python(home: Path, root: Path | None) -> list[Path]:
    """List the project's Python files; leave out what is hidden, and installed libraries."""
    found = set(home.rglob("*.py"))
    for place, folders, names in os.walk(root or home):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _FOREIGN_FOLDERS
            and not Path(place, name, "pyvenv.cfg").is_file()
        ]  # fmt: skip
        found |= {Path(place, name) for name in names if name.endswith(".py")}
    return sorted(found)
