"""What production needs beyond a database, as the environment spells it."""

from typing import Final

KEY: Final = "0123456789abcdef0123456789abcdef"

PRODUCTION: Final = {
    "ENV": "prod",
    "SECRET_KEY": KEY,
    "MAIL_SENDER": "file",
    "PUBLIC_URL": "https://app.example.com",
}
