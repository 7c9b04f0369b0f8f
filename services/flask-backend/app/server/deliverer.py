"""The thread of a worker that sends mails.

It is woken by what this process queues, and looks every few seconds for what others have left.
Holds no connection while it waits. How a mail is sent is said in ``app.usecases.delivery``.
"""

import threading
from typing import Final

import structlog

from app.models import release
from app.usecases import delivery
from app.usecases.delivery import Post
from bilayer.runtime.errors import DatabaseError

SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 60.0
"""How often it looks, and how rarely while the database does not answer."""
_STOP_SECONDS: Final = 3.0

log = structlog.get_logger(__name__)


class Deliverer:
    """Sends mails until it is stopped.

    Args:
        post: How mails leave.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="deliverer", daemon=True)

    def start(self) -> None:
        """Begin, in the process that serves: threads do not live on in a fork."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further mail. One under way is waited for, but not long: others take it over."""
        self._is_stopping = True
        delivery.announce_mail()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        pause = SECONDS
        while not self._is_stopping:
            is_well = self._deliver()
            pause = SECONDS if is_well else min(2 * pause, LONGEST_SECONDS)
            if not self._is_stopping:
                delivery.await_mail(pause)

    def _deliver(self) -> bool:
        """Send what is due; tell whether the database answered."""
        try:
            while delivery.deliver_due(self._post, is_stopping=lambda: self._is_stopping):
                pass
        except DatabaseError as error:
            log.warning("mail_not_read", kind=type(error).__name__, error_code=error.code)
            return False
        except Exception as error:  # The outermost edge of this thread.
            log.error("unexpected_error", kind=type(error).__name__, exc_info=error)  # noqa: TRY400 - structlog's
            return False
        finally:
            release()
        return True
