"""How mails leave this service, as its settings say."""

from functools import partial

from app.api.signing import signing_keys
from app.breaker import CircuitBreaker
from app.clients.senders import make_sender
from app.config import Settings
from app.metrics import record_breaker
from app.usecases.delivery import Post


def make_post(settings: Settings) -> Post:
    """Return how mails leave. Opens nothing."""
    return Post(
        sender=make_sender(settings),
        keys=signing_keys(settings),
        site=settings.public_url,
        return_address=settings.mail_from,
        breaker=CircuitBreaker(partial(record_breaker, "mail")),
    )
