"""A wire to a server on which every fault of a network can be played.

It knows one thing of the protocols: a statement is text that begins behind five bytes, in
PostgreSQL's simple query (its letter and its length) and in MariaDB's command (length, number and
kind), and a client sends nothing else before it has its answer.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

_CHUNK: Final = 65536
_HEAD_BYTES: Final = 5
_PATIENCE_SECONDS: Final = 10
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: RST instead of FIN


class Proxy:
    """Forwards a port of this machine to the server of a URL.

    Attributes:
        url: The URL by which clients reach the server through this wire.
    """

    def __init__(self, url: str) -> None:
        target = sa.make_url(url)
        self._target = _address(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.url = target.set(host="127.0.0.1", port=self._port).render_as_string(
            hide_password=False
        )
        self._silent = threading.Event()
        self._rescue: threading.Timer | None = None
        self._answer_lost = _Trap()
        self._statement_lost = _Trap()
        self._last_word: bytes | None = None
        self._delay = 0.0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept, self._listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_listening()
        self._stop_rescue()
        self.cut()
        for thread in self._threads:
            thread.join()

    def fall_silent(self, seconds: float = _PATIENCE_SECONDS) -> None:
        """Accept bytes and connections, and answer nothing; hang up on who waits too long."""
        self._silent.set()
        self._rescue = threading.Timer(seconds, self.cut)
        self._rescue.start()

    def fall_silent_after(self, message: bytes) -> None:
        """Let a new connection be accepted and authenticated, then answer nothing.

        Args:
            message: ``b"ReadyForQuery"``: PostgreSQL's, after which a client may ask.
        """
        self._last_word = {b"ReadyForQuery": b"Z\x00\x00\x00\x05"}[message]

    def cut(self) -> None:
        """Reset every connection; new ones are forwarded as before."""
        for end in self._sockets:
            _hang_up(end)
        for end in self._sockets:
            end.close()
        self._sockets.clear()

    def refuse(self) -> None:
        """Be a port on which nobody listens."""
        self._stop_listening()
        self.cut()

    def slow_down(self, seconds: float) -> None:
        """Hold each answer back for a while."""
        self._delay = seconds

    def lead_to(self, url: str) -> None:
        """Forward new connections to another server: what moves a service's address."""
        self._target = _address(url)

    def recover(self) -> None:
        """Cut what was silent or lost, and forward again."""
        self._stop_rescue()
        self.cut()
        self._last_word = None
        self._delay = 0.0
        self._answer_lost.times = self._statement_lost.times = 0
        self._silent.clear()
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._start(self._accept, self._listener)

    def lose_answer_to(self, statement: str, *, times: int = 1) -> None:
        """Cut the next connections that begin a statement so, when the server has answered it."""
        self._answer_lost.arm(statement, times)

    def lose(self, statement: str, *, times: int = 1) -> None:
        """Cut the next connections that begin a statement so, before the server has seen it."""
        self._statement_lost.arm(statement, times)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._silent.is_set():
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                _hang_up(client)
                client.close()
                continue
            self._sockets.append(server)
            with suppress(OSError):  # One may have been cut while the other was connected.
                for end in (client, server):  # Each piece goes on at once, as both would send it.
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            doomed = threading.Event()
            self._start(self._forward, client, server, doomed)
            self._start(self._answer, server, client, doomed)

    def _forward(
        self, client: socket.socket, server: socket.socket, doomed: threading.Event
    ) -> None:
        for data in _received(client):
            if self._silent.is_set():
                continue
            if self._statement_lost.catches(data):
                _hang_up(client)
                break
            if self._answer_lost.catches(data):
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
            time.sleep(self._delay)
            with suppress(OSError):
                client.sendall(data)
            if self._last_word is not None and self._last_word in data:
                self.fall_silent()
        _hang_up(client)
        _hang_up(server)

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _stop_rescue(self) -> None:
        if self._rescue is not None:
            self._rescue.cancel()
            self._rescue.join()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


class _Trap:
    """Waits for a statement that begins with a text, or ends a message, and snaps so many times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = b""
        self.times = 0

    def arm(self, text: str, times: int) -> None:
        """Wait for a statement."""
        with self._lock:
            self._text, self.times = text.encode(), times

    def catches(self, data: bytes) -> bool:
        """Tell whether it snaps."""
        with self._lock:
            # PostgreSQL may be sent several statements at once, of which COMMIT is the last.
            is_last = data.endswith(b"; " + self._text + b"\0")
            if not self.times or not (is_last or data.startswith(self._text, _HEAD_BYTES)):
                return False
            self.times -= 1
            return True


def _address(url: str) -> tuple[str, int]:
    target = sa.make_url(url)
    return target.host or "127.0.0.1", target.port or 0


def _received(end: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while data := end.recv(_CHUNK):
            yield data


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        end.shutdown(socket.SHUT_RDWR)
