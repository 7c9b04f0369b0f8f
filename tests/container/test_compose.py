"""docker-compose.yml: valid for Compose 1.29, confined, and of one piece with the rest."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import SECRETS, Settings, get_settings
from app.server.gunicorn import gunicorn_settings
from tests.container.processes import bare
from tests.support.databases import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PROFILES = {"backup", "replica", "pgbouncer", "monitoring"}
OURS = ("roles", "migrate", "backend", "backup", "pgbouncer", "replica", "prometheus", "grafana")
FOR_THE_OWNER = {
    *("superuser_password", "owner_password"),
    *("migration_database_url", "superuser_database_url"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what Compose reads, with secrets."""
    for name in ("docker-compose.yml", "compose", "scripts"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    made = make_secrets(tmp_path)
    assert made.returncode == 0, made.stderr
    return tmp_path


def make_secrets(
    project: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [project / "scripts/make_secrets", *arguments],
        cwd="/",
        env=bare(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def substituted(text: object) -> str:
    """Put the defaults in place of variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))


@pytest.mark.parametrize("profile", [None, *sorted(PROFILES)])
def test_it_is_valid(project: Path, profile: str | None) -> None:
    program = shutil.which("docker-compose") or pytest.skip("docker-compose is not installed")
    chosen = ["--profile", profile] if profile else []

    told = subprocess.run(
        [program, *chosen, "config", "--quiet"],
        cwd=project,
        env=bare(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_profiles_are_those_that_are_documented() -> None:
    profiles = {name for service in SERVICES.values() for name in service.get("profiles", [])}

    assert profiles == PROFILES
    assert "version" not in COMPOSE
    assert not any("profiles" in SERVICES[name] for name in ("database", "migrate", "backend"))


@pytest.mark.parametrize("name", OURS)
def test_what_we_start_can_write_and_do_nothing_beyond_its_task(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_only_this_machine_reaches_what_is_published() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port) for port in ports)


def test_database_is_the_one_that_was_promised() -> None:
    database = SERVICES["database"]

    assert database["image"].startswith("postgres:16")
    assert database["healthcheck"]["test"][1] == "pg_isready"
    assert SERVICES["replica"]["image"] == SERVICES["roles"]["image"] == database["image"]


def test_each_image_of_ours_is_built_once_by_whoever_needs_it_first() -> None:
    ours = [name for name, one in SERVICES.items() if one.get("image") == "flask-backend"]
    builders = [name for name in ours if "build" in SERVICES[name]]

    assert sorted(ours) == ["backend", "backup", "migrate"]
    assert builders == ["migrate"]


def test_service_starts_when_everything_before_it_is_done() -> None:
    order = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}

    assert order["roles"] == {"database": {"condition": "service_healthy"}}
    assert order["migrate"] == {"roles": {"condition": "service_completed_successfully"}}
    assert order["backend"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert "restart" not in SERVICES["roles"]
    assert "restart" not in SERVICES["migrate"]


def test_backups_are_made_and_verified_where_there_is_room_for_them() -> None:
    backup = SERVICES["backup"]
    words = backup["command"]

    assert words[:3] == ["backend", "backup", "create"]
    assert words[-1].removeprefix("@/run/secrets/") in backup["secrets"]
    assert backup["volumes"] == [f"backups:{backup['environment']['BACKUP_DIR']}"]
    assert "restart" not in backup
    # Tools older than the server refuse, so they are the server's.
    text = (ROOT / "services/flask-backend/Dockerfile").read_text()
    assert f"COPY --from={SERVICES['database']['image']} " in text


def test_service_is_asked_whether_it_is_ready_and_has_time_to_end() -> None:
    backend = SERVICES["backend"]
    settings = Settings.model_construct(env="prod", drain_seconds=None)
    ends = gunicorn_settings(settings)["graceful_timeout"]

    assert backend["healthcheck"]["test"][-1] == "/readyz"
    assert (ROOT / backend["healthcheck"]["test"][-2].removeprefix("/app/")).exists()
    assert int(backend["stop_grace_period"].removesuffix("s")) > ends


def test_service_never_sees_what_belongs_to_the_owner() -> None:
    holders = {
        secret: {name for name, service in SERVICES.items() if secret in service.get("secrets", [])}
        for secret in FOR_THE_OWNER
    }

    assert holders["migration_database_url"] == {"backup", "migrate"}
    assert holders["superuser_database_url"] == {"backup"}
    assert holders["owner_password"] == {"roles"}
    assert holders["superuser_password"] == {"database", "roles"}


def test_no_secret_is_a_variable() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_URL", name.upper()) and name != "PUBLIC_URL":
                assert re.search("_FILE$", name), name
                assert value.startswith("/run/secrets/")


@pytest.mark.parametrize("name", ["migrate", "backend", "backup"])
def test_its_variables_are_settings_that_production_takes(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {key: substituted(value) for key, value in SERVICES[name]["environment"].items()}
    known = {field.upper() for field in Settings.model_fields}
    known |= {f"{secret}_FILE".upper() for secret in SECRETS}
    for key, value in given.items():
        monkeypatch.setenv(key, value.replace("/run/secrets", str(project / "secrets")))
    monkeypatch.setenv("ENV", "prod")
    get_settings.cache_clear()

    settings = get_settings()

    get_settings.cache_clear()
    assert set(given) <= known
    assert settings.url.host == "database"
    assert (settings.url.username, settings.url.database) == ("app_rw", "app")
    assert settings.url.password == (project / "secrets/rw_password").read_text()
    owner = "app_rw" if name == "backend" else "app_owner"
    assert settings.migration_url.username == owner


def test_every_secret_is_made_and_every_file_is_there(project: Path) -> None:
    made = {f"./secrets/{path.name}" for path in (project / "secrets").iterdir()}
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]

    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == made
    assert used == set(COMPOSE["secrets"])
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert all(mount.endswith(":ro") for mount in mounts if mount.startswith("./"))


def test_prometheus_asks_the_service_by_a_name_it_answers_to() -> None:
    jobs = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text())["scrape_configs"]
    [target] = jobs[0]["static_configs"][0]["targets"]
    trusted = substituted(SERVICES["backend"]["environment"]["TRUSTED_HOSTS"]).split(",")

    assert target == "backend:5000"
    assert {"backend", "127.0.0.1"} <= set(trusted)


def test_secrets_are_closed_to_others_and_open_to_containers(project: Path) -> None:
    folder = project / "secrets"
    contents = {path.name: path.read_text() for path in folder.iterdir()}
    empty = {name for name, text in contents.items() if not text}
    names = [name for name in contents if name.endswith(("password", "secret_key"))]
    long = [contents[name] for name in names if name not in empty]

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    assert len(set(long)) == 7
    assert empty == {"secret_key_fallbacks", "stripe_secret_key", "stripe_webhook_secret"}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{64}", text) for text in long)
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "secrets" not in (ROOT / ".dockerignore").read_text()


def test_secrets_are_made_once_and_fit_each_other(project: Path) -> None:
    folder = project / "secrets"
    before = {path.name: path.read_text() for path in folder.iterdir()}
    (folder / "rw_password").unlink()

    again = make_secrets(project)

    after = {path.name: path.read_text() for path in folder.iterdir()}
    changed = {name for name in after if after[name] != before[name]}
    assert again.returncode == 0
    assert changed == {"rw_password", "pgbouncer_users"}
    assert after["pgbouncer_users"] == f'"app_rw" "{after["rw_password"]}"'
    assert not set(again.stdout.split()) & set(after.values())


def test_secret_that_cannot_be_made_is_no_empty_one(project: Path) -> None:
    program = project / "tr"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    (project / "secrets/rw_password").unlink()

    failed = make_secrets(project, PATH=f"{project}:{os.environ['PATH']}")

    assert failed.returncode == 1
    assert not (project / "secrets/rw_password").exists()


def test_arguments_are_refused(project: Path) -> None:
    refused = make_secrets(project, "--force")

    assert refused.returncode == 2
    assert "--help" in refused.stderr


def test_scripts_of_containers_are_for_any_shell(shellcheck: Any) -> None:
    scripts = [*(ROOT / "compose").glob("*.sh"), ROOT / "scripts/make_secrets"]

    assert "".join(shellcheck(path) for path in scripts) == ""
    assert os.access(ROOT / "scripts/make_secrets", os.X_OK)
