"""docs/operations is complete and can be used: codes, metrics, states, files to copy."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from app import metrics
from app.config import Settings, get_settings
from app.db.models import metadata
from app.health import State
from tests.architecture.documents import Block, blocks
from tests.architecture.sources import APP, ROOT, modules

OPERATIONS = ROOT / "docs/operations"
API = ROOT / "docs/api.md"
# Capitals that are not error codes.
OTHER_WORDS = {
    *("ALLOWED_HOSTS", "ALLOWED_ORIGINS", "HEALTH", "MAX_BODY_BYTES", "RAW_URI", "SIGNING_KEYS"),
    *("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING"),
    *("ALLOWANCES", "DENY", "NFC", "NFKD", "OTHER", "PATH_INFO", "TILL"),
    *("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"),
}
# Of settings, which checks at the start name.
SETTINGS = {name.upper() for name in Settings.model_fields}


def codes() -> set[str]:
    """Collect every code that an answer may have, from the source."""
    layers = ("api", "clients", "usecases", "server")
    answering = {
        path: tree
        for path, tree in modules().items()
        if path == APP / "errors.py" or any(path.is_relative_to(APP / name) for name in layers)
    }
    nodes = [node for tree in answering.values() for node in ast.walk(tree)]
    words = {node.value for node in nodes if isinstance(node, ast.Constant)}
    raised = {word for word in words if re.fullmatch(r"[A-Z]{2,}(_[A-Z0-9]+)*", str(word))}
    flaws = {
        str(node.args[0].value).upper()
        for node in nodes
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "PydanticCustomError"
        and isinstance(node.args[0], ast.Constant)
    }
    states = {state.upper() for state in State if not state.is_ready}
    # What Flask itself answers, by the name of its status.
    statuses = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
    return ({str(word) for word in raised} - OTHER_WORDS - SETTINGS) | flaws | states | statuses


def test_the_page_of_errors_has_every_code_and_no_other() -> None:
    page = (OPERATIONS / "errors.md").read_text()
    rows = re.findall(r"(?m)^\| (?:[\d, ]+ \| )?(`.*?`) \|", page)

    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == codes()


def test_the_page_of_the_api_has_every_code() -> None:
    page = API.read_text()

    assert {code for code in codes() if f"`{code}`" not in page} == set()


def test_both_pages_give_a_code_the_same_status() -> None:
    ours, theirs = statuses(OPERATIONS / "errors.md"), statuses(API)

    assert {code: ours[code] for code in ours if ours[code] != theirs.get(code, ours[code])} == {}


def statuses(page: Path) -> dict[str, set[str]]:
    """Map each code of a page's tables to its statuses."""
    found: dict[str, set[str]] = {}
    for numbers, listed in re.findall(r"(?m)^\| ([\d, ]+) \| (`[^|]*`) \|", page.read_text()):
        for code in re.findall(r"`(\w+)`", listed):
            found.setdefault(code, set()).update(numbers.split(", "))
    return found


def test_every_metric_has_a_row_that_says_what_to_do() -> None:
    lines = re.findall(r"(?m)^\| `\w+` \|.*$", (OPERATIONS / "metrics.md").read_text())
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    exported = {
        metric._name + ("_total" if metric._type == "counter" else ""): set(metric._labelnames)
        for metric in vars(metrics).values()
        if hasattr(metric, "_labelnames")
    }

    assert {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows} == exported
    assert [row for row in rows if len(row) != 5 or not all(row[2:])] == []


def test_every_state_is_told() -> None:
    page = (OPERATIONS / "README.md").read_text()
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| (200|503) \|", page))

    assert rows == {str(state): "200" if state.is_ready else "503" for state in State}


def test_the_settings_of_the_page_start_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = next(b.text for b in blocks(OPERATIONS / "production.md") if b.language == "ini")
    for line in lines.splitlines():
        # A shell reads the file too.
        [word] = shlex.split(line)
        name, _, value = word.partition("=")
        if value.startswith("/"):
            path = tmp_path / name
            path.write_text("abcdefghijklmnopqrstuvwxyz0123456789")
            value = str(path)
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()

    settings = get_settings()
    get_settings.cache_clear()

    given = {line.partition("=")[0].removesuffix("_FILE").lower() for line in lines.splitlines()}
    assert given <= set(Settings.model_fields)
    assert settings.env == "prod"
    assert settings.url.query["sslmode"] == "verify-full"
    # The commands of the page ask there.
    assert "127.0.0.1" in settings.allowed_hosts


def in_operations(language: str) -> list[Block]:
    """Return the blocks of one language in the pages for operators."""
    found = [block for page in OPERATIONS.glob("*.md") for block in blocks(page)]
    return [block for block in found if block.language == language]


@pytest.mark.parametrize("block", in_operations("yaml"), ids=str)
def test_yaml_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is missing")
def test_compose_takes_what_is_said_to_be_yours(tmp_path: Path) -> None:
    (block,) = [block for block in in_operations("yaml") if "services:" in block.text]
    override = tmp_path / "docker-compose.override.yml"
    override.write_text(block.text)

    merged = subprocess.run(
        ["docker-compose", "-f", ROOT / "docker-compose.yml", "-f", override, "config"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert merged.returncode == 0, merged.stderr
    backend = yaml.safe_load(merged.stdout)["services"]["backend"]
    assert backend["environment"]["MAIL_SENDER"] == "smtp"
    mounted = {secret["source"] for secret in backend["secrets"]}
    assert mounted >= {"smtp_password", "rw_password", "secret_key"}


def test_the_tables_that_citus_spreads_are_those_there_are() -> None:
    (block,) = in_operations("sql citus")
    spread = dict(re.findall(r"create_(reference|distributed)_table\('(\w+)'", block.text)[::-1])
    named = set(re.findall(r"_table\('(\w+)'", block.text))
    by_user = {name for name, table in metadata.tables.items() if "user_id" in table.c}

    assert spread["reference"] == "users"
    assert named - {"users"} <= by_user


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize("block", in_operations("nginx"), ids=str)
def test_nginx_accepts_its_settings(block: Block, tmp_path: Path) -> None:
    # Without certificates, which a test of words does not need.
    server = re.sub(r"^.*ssl_certificate.*\n| ssl(?=;)", "", block.text, flags=re.MULTILINE)
    server = server.replace("443", "8443")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log off; {server} }}\n"
    )

    checked = subprocess.run(
        ["nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


def test_the_unit_says_how_to_start_reload_and_stop() -> None:
    (text,) = [block.text for block in in_operations("ini") if "ExecStart" in block.text]
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # how configparser documents it
    unit.read_string(text)

    service = unit["Service"]
    assert service["ExecStart"].endswith("backend serve")
    assert "HUP" in service["ExecReload"]
    # Longer than the drain and the requests after it may take.
    assert int(service["TimeoutStopSec"]) >= 5 + 25
