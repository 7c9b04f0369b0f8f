"""Settings: what the environment may say, and what production refuses."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.api.signing import signing_keys
from app.config import SECRETS, Settings, SettingsError, get_settings, list_misspelt
from tests.support import production
from tests.support.production import KEY

PRODUCTION = production.PRODUCTION | {"DATABASE_URL": "postgresql://app:unguessable@db/app"}


DATABASE = {"DATABASE_HOST": "db", "DATABASE_PASSWORD": "unguessable"}
ROOT_CERTIFICATE = DATABASE | {"DATABASE_SSLROOTCERT": __file__}
ROOT_CERTIFICATES = DATABASE | {"DATABASE_SSLROOTCERT": "system"}
SMTP = {"MAIL_SENDER": "smtp", "SMTP_HOST": "mail.example.com"}
STRIPE = {"STRIPE_SECRET_KEY": "sk_live_unguessable", "STRIPE_WEBHOOK_SECRET": "whsec_unguessable"}
NO_SENDERS = ["nobody", "two@example.com, senders@example.com", "a@b\nBcc: c@d", "@", "<>", "a@"]
NO_HOSTS = ["https://a.b", "a.b:443", "a/", "*", "*.a.com", "A.com", "[::1]", "a b"]
NO_SERVERS = ["https://db", "db:5432", "db1,db2:5432", "me@db", "[::1]", "a b"]
NO_ADDRESSES = [
    "app.example.com", "ftp://app.example.com", "https://", "https://me:pw@app.example.com",
    "https://app.example.com?x=1", "https://app.example.com/#top", "https://app.example.com:x",
]  # fmt: skip
NO_ORIGINS = ["*", "null", "https://app.example.com/", "app.example.com", "https://a.b,*"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Read settings as a new process would."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    try:
        return get_settings()
    finally:
        get_settings.cache_clear()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(monkeypatch, **variables)
    return str(refused.value)


def test_nothing_needs_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = read(monkeypatch, DATA_DIR=str(tmp_path))

    assert settings.env == "dev"
    assert settings.url.render_as_string() == f"sqlite:///{tmp_path}/app.db"
    assert settings.migration_url == settings.url
    assert settings.has_docs


def test_database_may_be_given_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(
        monkeypatch,
        DATABASE_HOST="db",
        DATABASE_PORT="6543",
        DATABASE_NAME="shop",
        DATABASE_USER="me",
        DATABASE_PASSWORD="p@ss:/?#",
    )

    url = settings.url
    assert (url.host, url.port, url.database, url.username) == ("db", 6543, "shop", "me")
    assert url.password == "p@ss:/?#"
    assert url.drivername == "postgresql+psycopg2"


def test_migrations_may_have_a_role_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://owner:unguessable@db/app"

    settings = read(monkeypatch, **PRODUCTION, MIGRATION_DATABASE_URL=url)

    assert (settings.url.username, settings.migration_url.username) == ("app", "owner")


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "secret"
    secret = STRIPE.get(name.upper(), "postgresql://app:unguessable@db/app")
    path.write_text(f"{secret}\n")
    others = {"DATABASE_HOST": "db"} if name == "database_password" else {}
    if name.upper() in STRIPE:
        others = {other: value for other, value in STRIPE.items() if other != name.upper()}

    settings = read(monkeypatch, **others, **{f"{name.upper()}_FILE": str(path)})

    assert getattr(settings, name).get_secret_value() == secret


def test_secret_in_both_places_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(KEY)

    text = refusal(monkeypatch, SECRET_KEY=KEY, SECRET_KEY_FILE=str(path))

    assert "SECRET_KEY and SECRET_KEY_FILE" in text


def test_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SECRET_KEY_FILE" in refusal(monkeypatch, SECRET_KEY_FILE="/nonexistent")


def test_wrong_settings_are_all_named_and_none_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(
        monkeypatch, DB_POOL_SIZE="hunter2", PORT="99999", ENV="hunter2", DATABASE_PORT="0"
    )

    assert [line.split(":")[0] for line in text.splitlines()] == [
        "ENV", "DATABASE_PORT", "DB_POOL_SIZE", "PORT",
    ]  # fmt: skip
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle://u:hunter2@h/d", "postgresql+asyncpg://h/d", "://"]
)
def test_unusable_database_url_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    text = refusal(monkeypatch, DATABASE_URL=url)

    assert text.startswith("DATABASE_URL: ")
    assert "MIGRATION_DATABASE_URL" not in text
    assert "hunter2" not in text


def test_url_and_parts_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, DATABASE_URL="postgresql://h/d", DATABASE_HOST="db")

    assert "DATABASE_URL and DATABASE_HOST" in text


def test_production_starts_with_everything_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, **PRODUCTION)

    assert settings.env == "prod"
    assert not settings.has_docs


@pytest.mark.parametrize(
    ("variables", "setting"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
        ({"SECRET_KEY": KEY[:31]}, "SECRET_KEY"),
        ({"SECRET_KEY": "x" * 40}, "SECRET_KEY"),
        ({"SECRET_KEY_FALLBACKS": "x" * 40}, "SECRET_KEY_FALLBACKS"),
        ({"SECRET_KEY_FALLBACKS": f"{KEY[::-1]},changeme"}, "SECRET_KEY_FALLBACKS"),
        ({"MAIL_SENDER": ""}, "MAIL_SENDER"),
        ({"MAIL_SENDER": "console"}, "MAIL_SENDER"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://app.example.com"}, "PUBLIC_URL"),
        (
            SMTP | {"SMTP_SECURITY": "none", "SMTP_USER": "me", "SMTP_PASSWORD": "unguessable"},
            "SMTP_SECURITY",
        ),
        ({"DATABASE_URL": "sqlite:////tmp/app.db"}, "DATABASE_URL"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://app:postgres@db/app"}, "DATABASE_URL"),
        ({"DATABASE_URL": "mariadb://app:ChangeMe@db/app"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://app:backend@db/app"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://Shop:shoP@db/app"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://app@db/app"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://app:@127.0.0.1/app"}, "DATABASE_URL"),
        ({"DATABASE_URL": "mariadb://app@/app"}, "DATABASE_URL"),
        ({"MIGRATION_DATABASE_URL": "sqlite:///x.db"}, "MIGRATION_DATABASE_URL"),
        (STRIPE | {"STRIPE_API_BASE": "http://127.0.0.1:12111"}, "STRIPE_API_BASE"),
        ({"MIGRATION_DATABASE_URL": "postgresql://owner@db/app"}, "MIGRATION_DATABASE_URL"),
        ({"DATABASE_URL": "", "DATABASE_HOST": "db"}, "DATABASE_PASSWORD"),
        (
            {"DATABASE_URL": "", "DATABASE_HOST": "db", "DATABASE_PASSWORD": "app"},
            "DATABASE_PASSWORD",
        ),
    ],
)  # fmt: skip
def test_production_refuses_what_is_unsafe(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], setting: str
) -> None:
    text = refusal(monkeypatch, **(PRODUCTION | variables))

    assert [line.split()[0] for line in text.splitlines()] == [setting]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app@/app",
        "postgresql://app@/app?host=/var/run/postgresql",
        "postgresql://app@db/app?sslcert=client.pem",
        "mariadb://app@localhost/app?unix_socket=/run/mysqld/mysqld.sock",
    ],
)
def test_production_needs_no_password_where_something_else_proves_who_asks(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings = read(monkeypatch, **(PRODUCTION | {"DATABASE_URL": url}))

    assert settings.url.username == "app"


@pytest.mark.parametrize(
    ("variables", "setting"),
    [
        ({"DATABASE_PASSWORD": "x"}, "DATABASE_HOST"),
        ({"DATABASE_URL": "postgresql://h/d", "DATABASE_SSLMODE": "verify-full"}, "DATABASE_HOST"),
        (DATABASE | {"DATABASE_SSLMODE": "verify-full"}, "DATABASE_SSLROOTCERT"),
        (DATABASE | {"DATABASE_SSLMODE": "verify-ca"}, "DATABASE_SSLROOTCERT"),
        (DATABASE | {"DATABASE_SSLROOTCERT": "/nonexistent"}, "DATABASE_SSLROOTCERT"),
        (DATABASE | {"DATABASE_SSLMODE": "very"}, "DATABASE_SSLMODE"),
        (ROOT_CERTIFICATE, "DATABASE_SSLMODE"),
        (ROOT_CERTIFICATE | {"DATABASE_SSLMODE": "prefer"}, "DATABASE_SSLMODE"),
        (ROOT_CERTIFICATES | {"DATABASE_SSLMODE": "verify-ca"}, "DATABASE_SSLMODE"),
        ({"MAIL_SENDER": "pigeon"}, "MAIL_SENDER"),
        ({"MAIL_SENDER": "smtp"}, "SMTP_HOST"),
        (SMTP | {"SMTP_USER": "me"}, "SMTP_USER"),
        (SMTP | {"SMTP_PASSWORD": "unguessable"}, "SMTP_USER"),
        (SMTP | {"SMTP_PORT": "smtp"}, "SMTP_PORT"),
        (SMTP | {"SMTP_SECURITY": "ssl"}, "SMTP_SECURITY"),
        *(({"MAIL_FROM": text}, "MAIL_FROM") for text in NO_SENDERS),
        *(({"PUBLIC_URL": text}, "PUBLIC_URL") for text in NO_ADDRESSES),
        *(({"CORS_ORIGINS": text}, "CORS_ORIGINS") for text in NO_ORIGINS),
        *(({"TRUSTED_HOSTS": text}, "TRUSTED_HOSTS") for text in NO_HOSTS),
        *((DATABASE | {"DATABASE_HOST": text}, "DATABASE_HOST") for text in NO_SERVERS),
        *((SMTP | {"SMTP_HOST": text}, "SMTP_HOST") for text in NO_SERVERS),
        ({"STRIPE_SECRET_KEY": STRIPE["STRIPE_SECRET_KEY"]}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_x"}, "STRIPE_SECRET_KEY"),
        (STRIPE | {"STRIPE_SECRET_KEY": "pk_live_public"}, "STRIPE_SECRET_KEY"),
        (STRIPE | {"STRIPE_WEBHOOK_SECRET": " , "}, "STRIPE_SECRET_KEY"),
        (STRIPE | {"STRIPE_API_BASE": "stripe.example"}, "STRIPE_API_BASE"),
        ({"DRAIN_SECONDS": "-1"}, "DRAIN_SECONDS"),
        ({"DRAIN_SECONDS": "nan"}, "DRAIN_SECONDS"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], setting: str
) -> None:
    text = refusal(monkeypatch, **variables)

    assert text.split(":")[0].split()[0] == setting
    assert "\n" not in text
    assert "unguessable" not in text


@pytest.mark.parametrize("address", ["no-reply@example.com", "App <no-reply@example.com>", "a@b"])
def test_mails_may_come_from_an_address_with_a_name(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert read(monkeypatch, MAIL_FROM=address).mail_from == address


@pytest.mark.parametrize("name", ["api.example.com, 127.0.0.1", ".example.com", "backend", "a_b"])
def test_hosts_are_names_as_requests_have_them(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert read(monkeypatch, TRUSTED_HOSTS=name).trusted_hosts == name


@pytest.mark.parametrize("host", ["db", "db1,db2.example.com", "192.0.2.1", "::1", "/run/a b:c"])
def test_servers_are_names_addresses_or_folders(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert read(monkeypatch, **DATABASE | {"DATABASE_HOST": host}).database_host == host


@pytest.mark.parametrize("address", ["https://app.example.com", "https://example.com/app/"])
def test_people_may_use_any_address_of_the_web(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    assert read(monkeypatch, PUBLIC_URL=address).public_url == address


def test_the_servers_certificate_is_checked_against_the_one_that_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = tmp_path / "root.pem"
    certificate.touch()

    settings = read(
        monkeypatch,
        **DATABASE,
        DATABASE_SSLMODE="verify-full",
        DATABASE_SSLROOTCERT=str(certificate),
    )

    assert settings.url.query == {"sslmode": "verify-full", "sslrootcert": str(certificate)}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SECRET_KEYS", "SECRET_KEY"),
        ("TRUSTED_HOST", "TRUSTED_HOSTS"),
        ("DATABASE_USERNAME", "DATABASE_USER"),
        ("SMTP_PASS", "SMTP_PASSWORD"),
        ("secret_key_files", "SECRET_KEY_FILE"),
    ],
)
def test_variable_that_looks_like_a_setting_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "unguessable")

    assert f"{name} is no setting. Is {meant} meant?" in list_misspelt()


def test_misspelt_setting_is_told_at_the_start_of_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_KEYS", KEY)
    monkeypatch.setenv("ENV", "prod")

    ended = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "serve"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("SECRET_KEYS is no setting. Is SECRET_KEY meant?\nSECRET_KEY ")
    assert KEY not in ended.stderr


def test_variables_of_other_programs_and_settings_themselves_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PGHOST", "PGPORT", "HOSTNAME", "DATABASE_URL", "database_url", "SECRET_KEY_FILE"):
        monkeypatch.setenv(name, "x")

    assert list_misspelt() == []


def test_every_problem_of_production_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, ENV="prod")

    assert "SECRET_KEY" in text
    assert "DATABASE_URL" in text


def test_settings_do_not_print_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, **PRODUCTION)

    assert "unguessable" not in repr(settings)
    assert "unguessable" not in str(settings.url)
    assert KEY not in repr(settings)


def test_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")

    [first] = signing_keys(settings)
    [second] = signing_keys(settings)

    assert first == second
    assert len(first) >= 48
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")

    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: signing_keys(settings), range(64)))

    assert len(keys) == 1


@pytest.mark.parametrize(
    ("key", "is_live"),
    [("sk_live_a", True), ("rk_live_a", True), ("sk_test_live_", False), ("rk_test_a", False)],
)
def test_key_of_stripe_says_whether_money_is_real(
    monkeypatch: pytest.MonkeyPatch, key: str, *, is_live: bool
) -> None:
    secrets = {"STRIPE_SECRET_KEY": key, "STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old,"}

    settings = read(monkeypatch, **secrets)

    assert (settings.has_stripe, settings.is_stripe_live) == (True, is_live)
    assert settings.webhook_secrets == ("whsec_new", "whsec_old")


def test_empty_files_of_secrets_of_stripe_sell_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "empty"
    path.touch()

    settings = read(monkeypatch, **{f"{name}_FILE": str(path) for name in STRIPE})

    assert (settings.has_stripe, settings.webhook_secrets) == (False, ())


def test_a_request_never_waits_longer_than_a_second_for_a_connection() -> None:
    assert Settings(db_pool_timeout=30).pool_timeout == 1.0
    assert Settings(db_pool_timeout=0.2).pool_timeout == 0.2
