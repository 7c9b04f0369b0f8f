"""What production needs beyond a database, as the environment spells it."""

from typing import Any, Final

KEY: Final = "0123456789abcdef0123456789abcdef"

# Any, because functions that take settings by name take options of their own as well.
PRODUCTION: Final[dict[str, Any]] = {
    "ENV": "prod",
    "SECRET_KEY": KEY,
    "MAIL_SENDER": "file",
    "PUBLIC_URL": "https://app.example.com",
    # Nobody stands in front of a test's server and has to be told that it stops.
    "DRAIN_SECONDS": "0",
}
