"""How mails leave this service, as its settings say."""

from collections.abc import Sequence
from functools import partial

from app.breaker import CircuitBreaker
from app.clients.senders import make_sender
from app.config import Settings
from app.metrics import record_breaker
from app.usecases.delivery import Post


def make_post(settings: Settings, keys: Sequence[bytes]) -> Post:
    """Return how mails leave. Opens nothing.

    Args:
        settings: Those of the service.
        keys: Those of its application, of which links are made.
    """
    return Post(
        sender=make_sender(settings),
        keys=keys,
        site=settings.public_url,
        return_address=settings.mail_from,
        breaker=CircuitBreaker(partial(record_breaker, "mail")),
    )
