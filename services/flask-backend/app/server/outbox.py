"""What a client has not taken of its answer yet, so that no thread has to wait for it.

Only an answer without end, which is written while it is sent, waits for its reader: else all of it
would be kept. The worker decides how long that is, and sends what is left when the answer is made.
"""

import select
import socket
import time
from typing import Any, Final

MOST_UNSENT: Final = 8 * 2**20
"""How many bytes wait before whoever writes does too. No answer that is whole has as many."""

WORTH_SENDING: Final = 2**12
"""How many bytes are worth to be sent by themselves."""


class ClientGone(OSError):
    """Nobody takes the answer any more."""


class Outbox:
    """The socket as gunicorn's response writes to it: it takes everything, at once.

    Args:
        sock: Where the bytes go as soon as the kernel takes them. It must have no timeout of its
            own but 0: Python would wait that long.

    Attributes:
        taken: How many bytes it has taken so far.
        deadline: When whoever writes stops to wait, in ``time.monotonic``.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unsent = bytearray()
        self.taken = 0
        self.deadline = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __len__(self) -> int:
        """Return how many bytes wait."""
        return len(self._unsent)

    def sendall(self, data: bytes) -> None:
        """Keep it until more comes, or send what the kernel takes without waiting if it is enough.

        So the head of an answer goes with its body, once somebody calls ``flush``.

        Raises:
            ClientGone: The client is gone, or has not read on in time.
        """
        self.taken += len(data)
        self._unsent += data
        if len(self._unsent) >= WORTH_SENDING:
            self.flush()
        if len(self._unsent) > MOST_UNSENT:
            self._await_reader()

    def flush(self) -> bool:
        """Send more of what is kept; tell whether nothing is left.

        Raises:
            ClientGone: The client is gone.
        """
        if self._unsent:
            with memoryview(self._unsent) as unsent:
                sent = self._send(unsent)
            del self._unsent[:sent]
        return not self._unsent

    def shutdown(self, how: int) -> None:
        """End what the client gets: gunicorn does so when an answer breaks off in the middle.

        What there is of it goes out first: who gets nothing at all may ask again by itself.

        Raises:
            OSError: The client is gone.
        """
        self.flush()
        self._sock.shutdown(how)

    def _await_reader(self) -> None:
        poller = select.poll()
        poller.register(self._sock, select.POLLOUT)
        while len(self._unsent) > MOST_UNSENT:
            left = self.deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                raise ClientGone("the client reads too slowly")
            self.flush()

    def _send(self, data: memoryview) -> int:
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ClientGone from error
