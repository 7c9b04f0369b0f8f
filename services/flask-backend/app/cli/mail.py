"""``backend mail``: the mails that wait."""

import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import click

from app.cli.edges import EXIT_CODES, FAILED, answer, as_json, require_settings, told

if TYPE_CHECKING:
    from app.server.deliverer import Deliverer


@click.group(epilog=EXIT_CODES)
def mail() -> None:
    """Send the mails that wait in the outbox.

    The server does it by itself, unless MAIL_DELIVERY=command: where it must not reach the mail
    server, this does. It also shows why a mail does not arrive.

    \b
    Example:
      backend mail deliver
    """


@mail.command(epilog=EXIT_CODES)
@click.option("--once", "mode", flag_value="once", default=True, help="Send what is due, and end.")
@click.option("--watch", "mode", flag_value="watch", help="Send until SIGTERM or Ctrl-C.")
@as_json
def deliver(*, mode: str, is_json: bool) -> None:
    """Send mails that are due, as MAIL_SENDER says.

    If one of them was not sent, the exit code is 1. Any number may run at once.

    \b
    Example:
      backend mail deliver --once
      backend mail deliver --watch
    """
    from app.api.signing import signing_keys  # noqa: PLC0415 - likewise
    from app.log import configure_logging  # noqa: PLC0415 - likewise
    from app.models import close_db, init_db  # noqa: PLC0415 - the whole runtime, for this command only
    from app.server.deliverer import Deliverer  # noqa: PLC0415 - likewise
    from app.server.post import make_post  # noqa: PLC0415 - likewise
    from app.usecases.delivery import Outcome, deliver_due  # noqa: PLC0415 - likewise

    settings = require_settings()
    configure_logging(settings.log_level, sys.stderr)
    outcomes: Counter[Outcome] = Counter()
    with told():
        post = make_post(settings, signing_keys(settings))
        init_db(settings)
        try:
            if mode == "watch":
                _watch(Deliverer(post))
                return
            while found := deliver_due(post):
                outcomes += found
        finally:
            close_db()
    facts = {outcome.value: outcomes[outcome] for outcome in Outcome}
    answer(is_json, facts, ", ".join(f"{count} {name}" for name, count in facts.items()))
    if outcomes.total() > outcomes[Outcome.SENT]:
        raise SystemExit(FAILED)


def _watch(deliverer: "Deliverer") -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    deliverer.start()
    stopping.wait()
    deliverer.stop()
