"""Every setting of the service, and the only reader of the environment.

Opens nothing: what needs the database's answer is asked in ``app.server.preflight``. Which values
make no sense, or none in production, is said in ``app.plausible`` and ``app.production``.
"""

from __future__ import annotations

import os
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import URL

from app import plausible, production
from app.data_settings import DataSettings
from app.origins import check_origins
from app.secret_files import SecretFileError, SecretFiles
from app.wallet_settings import WalletSettings
from bilayer.urls import parse_url

CHECKOUT: Final = Path(__file__).parents[3]
ALEMBIC_INI: Final = CHECKOUT / "alembic.ini"
SECRETS: Final = (
    "backup_identity",
    "database_url",
    "database_password",
    "migration_database_url",
    "secret_key",
    "secret_key_fallbacks",
    "smtp_password",
    "stripe_secret_key",
    "stripe_webhook_secret",
)
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Not a setting: the variable by which prometheus_client shares numbers between processes."""


class SettingsError(Exception):
    """The settings cannot be used. The message names each wrong setting and no value."""


class Settings(WalletSettings, DataSettings):
    """What the environment says. Field ``db_pool_size`` is the variable ``DB_POOL_SIZE``.

    Each of ``SECRETS`` may also be given as ``NAME_FILE``, the path of a file that holds it.
    Times are in seconds.
    """

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    env: Literal["dev", "prod"] = "dev"
    data_dir: Path = CHECKOUT / "data"
    secret_key: SecretStr | None = None
    secret_key_fallbacks: SecretStr | None = None
    docs: Literal["on", "off"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    database_url: SecretStr | None = None
    database_host: Annotated[str, AfterValidator(plausible.check_servers)] | None = None
    database_port: int = Field(default=5432, ge=1, le=65535)
    database_name: str = "app"
    database_user: str = "app"
    database_password: SecretStr | None = None
    database_sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = (
        None
    )
    database_sslrootcert: Path | None = None
    migration_database_url: SecretStr | None = None

    db_pool_size: int = Field(default=10, ge=1, le=1000)
    db_max_overflow: int = Field(default=20, ge=0, le=1000)
    db_pool_timeout: float = Field(default=30, gt=0, le=300)
    db_pool_recycle: int = Field(default=3600, ge=1)
    db_echo_sql: bool = False

    host: str = "127.0.0.1"
    port: int = Field(default=5000, ge=0, le=65535)
    workers: int = Field(default=2, ge=1, le=256)
    threads: int = Field(default=8, ge=1, le=256)
    trusted_hosts: Annotated[str, AfterValidator(plausible.check_hosts)] = ""
    proxy_hops: int = Field(default=0, ge=0, le=10)
    max_body_bytes: int = Field(default=1_048_576, ge=1024, le=67_108_864)
    cors_origins: Annotated[str, AfterValidator(check_origins)] = ""
    drain_seconds: float | None = Field(default=None, ge=0, le=60)

    public_url: Annotated[str, AfterValidator(plausible.check_public_url)] = "http://127.0.0.1:5000"
    mail_delivery: Literal["workers", "command"] = "workers"
    mail_sender: Literal["console", "file", "smtp"] = "console"
    mail_from: Annotated[str, AfterValidator(plausible.check_sender)] = "no-reply@localhost"
    mail_dir: Path | None = None
    smtp_host: Annotated[str, AfterValidator(plausible.check_servers)] | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the files it names."""
        return init_settings, env_settings, SecretFiles(settings_cls, SECRETS, os.environ)

    @cached_property
    def url(self) -> URL:
        """The database that serves requests. An SQLite file in ``data_dir`` if none is named."""
        if self.database_url is not None:
            return parse_url(self.database_url.get_secret_value())
        if self.database_host is None:
            return parse_url(f"sqlite:///{(self.data_dir / 'app.db').absolute()}")
        password = self.database_password
        proofs = {"sslmode": self.database_sslmode, "sslrootcert": self.database_sslrootcert}
        return parse_url(
            URL.create(
                "postgresql",
                username=self.database_user,
                password=password.get_secret_value() if password else None,
                host=self.database_host,
                port=self.database_port,
                database=self.database_name,
                query={name: str(value) for name, value in proofs.items() if value is not None},
            )
        )

    @cached_property
    def migration_url(self) -> URL:
        """The same database, as the role that owns the tables."""
        if self.migration_database_url is None:
            return self.url
        return parse_url(self.migration_database_url.get_secret_value())

    @property
    def pool_timeout(self) -> float:
        """How long a request waits for a connection: never above a second, so that it can fail."""
        return min(self.db_pool_timeout, 1.0)

    @property
    def connections(self) -> int:
        """How many connections all workers together may open."""
        return self.workers * (self.db_pool_size + self.db_max_overflow)

    @property
    def has_docs(self) -> bool:
        """Whether ``/docs`` and ``/openapi.json`` are served. In production only on demand."""
        return self.docs == "on" or (self.docs is None and self.env == "dev")

    @property
    def allowed_hosts(self) -> list[str]:
        """The names of ``TRUSTED_HOSTS``, which has commas between them."""
        return plausible.split(self.trusted_hosts)

    @property
    def allowed_origins(self) -> list[str]:
        """The origins of ``CORS_ORIGINS``, which has commas between them."""
        return plausible.split(self.cors_origins)

    @property
    def former_keys(self) -> list[str]:
        """The keys of ``SECRET_KEY_FALLBACKS``: no longer used to sign, still believed."""
        fallbacks = self.secret_key_fallbacks
        return plausible.split(fallbacks.get_secret_value()) if fallbacks else []

    @property
    def draining(self) -> float:
        """How long ``/readyz`` says 503 before a stopping server takes no more connections."""
        usual = 5.0 if self.env == "prod" else 0.0
        return usual if self.drain_seconds is None else self.drain_seconds

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = self._contradictions()
        if self.env == "prod" and not problems:
            problems = self._unsafe()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _contradictions(self) -> list[str]:
        """List what cannot be meant."""
        given = {name.upper() for name in self.model_fields_set}
        problems = plausible.find_stray_parts(given)
        if self.database_host is not None:
            problems += plausible.find_tls_flaws(self.database_sslmode, self.database_sslrootcert)
        if self.mail_sender == "smtp":
            problems += plausible.find_smtp_flaws(given)
        problems += plausible.find_stripe_flaws(self.stripe_key, self.webhook_secrets)
        for setting, name in self._databases().items():
            try:
                getattr(self, name)
            except ValueError as error:
                problems.append(f"{setting}: {error}")
        return problems

    def _databases(self) -> dict[str, str]:
        """Name the setting to blame for each database, and the property that has its URL."""
        databases = {"DATABASE_PASSWORD" if self.database_host else "DATABASE_URL": "url"}
        if self.migration_database_url is not None:
            databases["MIGRATION_DATABASE_URL"] = "migration_url"
        return databases

    def _unsafe(self) -> list[str]:
        """List what must not go into production."""
        problems = production.find_key_flaws("SECRET_KEY", self.secret_key)
        for key in self.former_keys:
            problems += production.find_key_flaws("SECRET_KEY_FALLBACKS", SecretStr(key))
        for setting, name in self._databases().items():
            problems += production.find_url_flaws(setting, getattr(self, name))
        problems += production.find_stripe_flaws(self.stripe_api_base)
        is_clear = self.smtp_security == "none" and self.smtp_password is not None
        return problems + production.find_mail_flaws(
            self.mail_sender, self.public_url, is_password_clear=is_clear
        )


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read once.

    Raises:
        SettingsError: A setting is missing, wrong or unsafe; all of them are named.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(plausible.describe(error)) from None
    except SecretFileError as error:
        raise SettingsError(str(error)) from None


def secret_files() -> dict[str, Path]:
    """Return the file of each secret that is given as ``NAME_FILE``; the doctor looks at them."""
    paths = {name.upper(): os.environ.get(f"{name.upper()}_FILE") for name in SECRETS}
    return {name: Path(path) for name, path in paths.items() if path}


def list_misspelt() -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none."""
    known = {name.upper() for name in (*Settings.model_fields, *(f"{n}_file" for n in SECRETS))}
    return plausible.find_misspelt(os.environ, known)
