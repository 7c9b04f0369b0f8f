"""docs/api.md is complete: every route with who may call it, and every error code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from app import create_app
from app.api.access import access_of
from app.config import Settings
from app.models import close_db
from tests.architecture.sources import APP, ROOT, modules

PAGE = (ROOT / "docs/api.md").read_text()
ROW = re.compile(r"^\| `([A-Z]+) (/api/v1/\S*)` \| (\w+) \|", re.MULTILINE)
# Capitals that are not error codes.
OTHER_WORDS = {
    *("ALLOWED_HOSTS", "ALLOWED_ORIGINS", "MAX_BODY_BYTES", "RAW_URI", "SIGNING_KEYS"),
    *("DENY", "NFC", "OTHER"),
}
METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


def test_the_routes_of_the_page_are_those_of_the_service(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    close_db()

    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"), str(access_of(view)))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if (view := app.view_functions[rule.endpoint])
    }

    assert set(ROW.findall(PAGE)) == served


def test_every_error_code_is_on_the_page() -> None:
    codes = {
        node.value
        for path, tree in modules().items()
        if path.is_relative_to(APP / "api") or path.is_relative_to(APP / "usecases")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[A-Z]{2,}(_[A-Z0-9]+)*", node.value)
    }

    unknown = {code for code in codes - OTHER_WORDS - METHODS if f"`{code}`" not in PAGE}

    assert unknown == set()
