"""The settings of what costs and what is kept: credits, payments and the cache.

A part of ``app.config.Settings``, which reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

_LIVE_KEY: Final = re.compile(r"(?:sk|rk)_live_")
_PACKAGE: Final = re.compile(r"([1-9][0-9]{0,8}):([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Package:
    """What is for sale.

    Attributes:
        credits: How many credits.
        price_cents: What they cost, in the smallest unit of the currency.
    """

    credits: int
    price_cents: int


def _check_packages(text: str) -> str:
    packages = _read_packages(text)
    if len({package.credits for package in packages}) < len(packages):
        raise ValueError("name each number of credits once")
    return text


def _read_packages(text: str) -> tuple[Package, ...]:
    found = [_PACKAGE.fullmatch(part.strip()) for part in text.split(",")]
    if not all(found):
        raise ValueError("write credits:cents, with commas between them: 100:499,500:1999")
    return tuple(Package(int(match[1]), int(match[2])) for match in found if match)


class WalletSettings(BaseSettings):
    """What the environment says of credits, payments and the cache."""

    daily_credits_user: int = Field(default=20, ge=1, le=1_000_000)
    daily_credits_guest: int = Field(default=5, ge=1, le=1_000_000)

    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_api_base: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+$")] | None = None
    credit_packages: Annotated[str, AfterValidator(_check_packages)] = "100:499,500:1999,1000:3499"
    credit_currency: Annotated[str, Field(pattern=r"^[a-z]{3}$")] = "usd"

    query_cache_max_bytes: int = Field(default=268_435_456, ge=1_048_576)
    query_cache_copy_bytes: int = Field(default=8_388_608, ge=0, le=1_073_741_824)

    @property
    def packages(self) -> tuple[Package, ...]:
        """What is for sale: ``CREDIT_PACKAGES``."""
        return _read_packages(self.credit_packages)

    @property
    def stripe_key(self) -> str:
        """``STRIPE_SECRET_KEY``; empty where nothing is for sale."""
        key = self.stripe_secret_key
        return key.get_secret_value() if key else ""

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Those of ``STRIPE_WEBHOOK_SECRET``, which has commas between them during a rotation."""
        secret = self.stripe_webhook_secret
        parts = secret.get_secret_value().split(",") if secret else []
        return tuple(part.strip() for part in parts if part.strip())

    @property
    def has_stripe(self) -> bool:
        """Whether credits are for sale. An empty file of a secret is none."""
        return bool(self.stripe_key)

    @property
    def is_stripe_live(self) -> bool:
        """Whether the key is for real money."""
        return bool(_LIVE_KEY.match(self.stripe_key))
