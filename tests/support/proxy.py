"""A wire to a server that can fall silent or be cut, to test what a client makes of it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

_CHUNK: Final = 65536
_PATIENCE_SECONDS: Final = 10
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: RST instead of FIN


class Proxy:
    """Forwards a port of this machine to the server of a URL.

    Attributes:
        url: The URL by which clients reach the server through this wire.
    """

    def __init__(self, url: str) -> None:
        target = sa.make_url(url)
        self._target = (target.host or "127.0.0.1", target.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = target.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        self._silent = threading.Event()
        self._rescue: threading.Timer | None = None
        self._marker: bytes | None = None
        self._last_word: bytes | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._stop_rescue()
        self._cut_all()
        for thread in self._threads:
            thread.join()

    def fall_silent(self) -> None:
        """Accept bytes and connections, and answer nothing; hang up on who waits too long."""
        self._silent.set()
        self._rescue = threading.Timer(_PATIENCE_SECONDS, self._cut_all)
        self._rescue.start()

    def fall_silent_after(self, message: bytes) -> None:
        """Let a new connection be accepted and authenticated, then answer nothing.

        Args:
            message: ``b"ReadyForQuery"``: PostgreSQL's, after which a client may ask.
        """
        self._last_word = {b"ReadyForQuery": b"Z\x00\x00\x00\x05"}[message]

    def recover(self) -> None:
        """Cut what was silent and forward again."""
        self._stop_rescue()
        self._cut_all()
        self._last_word = None
        self._silent.clear()

    def lose_answer_to(self, statement: str) -> None:
        """Cut the next connection that sends this text, when the server has answered it."""
        self._marker = statement.encode()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._silent.is_set():
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._sockets.append(server)
            doomed = threading.Event()
            self._start(self._forward, client, server, doomed)
            self._start(self._answer, server, client, doomed)

    def _forward(
        self, client: socket.socket, server: socket.socket, doomed: threading.Event
    ) -> None:
        for data in _received(client):
            if self._silent.is_set():
                continue
            if self._marker is not None and self._marker in data:
                self._marker = None
                doomed.set()
            with suppress(OSError):
                server.sendall(data)
        _hang_up(server)

    def _answer(
        self, server: socket.socket, client: socket.socket, doomed: threading.Event
    ) -> None:
        for data in _received(server):
            if self._silent.is_set():
                continue
            if doomed.is_set():
                break
            with suppress(OSError):
                client.sendall(data)
            if self._last_word is not None and self._last_word in data:
                self.fall_silent()
        _hang_up(client)
        _hang_up(server)

    def _cut_all(self) -> None:
        for end in self._sockets:
            _hang_up(end)
        for end in self._sockets:
            end.close()
        self._sockets.clear()

    def _stop_rescue(self) -> None:
        if self._rescue is not None:
            self._rescue.cancel()
            self._rescue.join()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def _received(end: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while data := end.recv(_CHUNK):
            yield data


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        end.shutdown(socket.SHUT_RDWR)
