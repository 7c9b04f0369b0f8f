"""What a client has not taken of its answer yet, so that no thread has to wait for it.

Opens and closes nothing; the worker decides how long it waits.
"""

import socket
from typing import Any


class ClientGone(OSError):
    """Nobody takes the answer any more."""


class Outbox:
    """The socket as gunicorn's response writes to it: it takes everything, at once.

    Args:
        sock: Where the bytes go as soon as the kernel takes them. It must have no timeout of its
            own but 0: Python would wait that long.

    Attributes:
        taken: How many bytes it has taken so far.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unsent = bytearray()
        self.taken = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __len__(self) -> int:
        """Return how many bytes wait."""
        return len(self._unsent)

    def sendall(self, data: bytes) -> None:
        """Send what the kernel takes without waiting, and keep the rest.

        Raises:
            ClientGone: The client is gone.
        """
        self.taken += len(data)
        sent = 0 if self._unsent else self._send(data)
        self._unsent += memoryview(data)[sent:]

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

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ClientGone from error
