"""What a client has sent of its next request, and whether all of it is there.

No judge of HTTP: gunicorn's parser is. This one only finds the moment from which the parser need
not wait. Where the bytes are unclear it hands over what there is at once, because the parser will
refuse it, or the application will without reading on.
"""

import re
from typing import Final

HEAD_BYTES: Final = 64 * 2**10
"""How long the head of a request may be, all together."""

# The end of a head, or a byte that no head has: the parser refuses bare line feeds and controls.
_DECISIVE: Final = re.compile(rb"\r\n\r\n|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOOK_BEHIND: Final = 3
# Possessive, so that no input makes it go back.
_FIELDS: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect):([^\r\n]*+)(?=\r\n)", re.IGNORECASE
)
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")


class Inbox:
    """The bytes of one connection that no request has taken yet.

    Args:
        max_body: The longest body that is waited for. A longer one is refused unread.
    """

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._data = bytearray()
        self._scanned = 0
        self._needed: int | None = None
        self._expects_continue = False

    def __len__(self) -> int:
        """Return how many bytes there are."""
        return len(self._data)

    @property
    def has_head(self) -> bool:
        """Whether the head is there and a body is waited for."""
        return self._needed is not None

    def add(self, data: bytes) -> None:
        """Keep what has arrived."""
        self._data += data

    def take(self) -> bytes | None:
        """Return the next request if it need not be waited for any longer, and forget it."""
        if self._needed is None and not self._find_end():
            return None
        needed = self._needed
        if needed is None:
            return self.take_rest()
        return self._cut(needed) if len(self._data) >= needed else None

    def take_rest(self) -> bytes:
        """Return everything there is, and forget it."""
        return self._cut(len(self._data))

    def must_invite(self) -> bool:
        """Tell, once for each request, whether its client waits for 100 before it sends a body."""
        is_waiting, self._expects_continue = self._expects_continue, False
        return is_waiting

    def _find_end(self) -> bool:
        """Decide how long the request is; tell whether that could be decided.

        ``_needed`` stays None if it is longer, or other, than a request that is waited for.
        """
        found = _DECISIVE.search(self._data, max(0, self._scanned - _LOOK_BEHIND))
        self._scanned = len(self._data)
        if found is None:
            return len(self._data) > HEAD_BYTES
        if found.group() != b"\r\n\r\n":
            return True
        if found.end() > HEAD_BYTES:
            del self._data[found.end() - 1 :]  # Whole, the parser would take it.
            return True
        found_fields = _FIELDS.findall(self._data, 0, found.end())
        fields = {name.lower(): value.strip(b" \t") for name, value in found_fields}
        body = self._body_length(fields) if len(fields) == len(found_fields) else None
        if body is not None:
            self._needed = found.end() + body
        return True

    def _body_length(self, fields: dict[bytes, bytes]) -> int | None:
        """Return the length of the body, or None for one that is not waited for."""
        length = fields.get(b"content-length", b"0")
        expectation = fields.get(b"expect", b"100-continue").lower()
        if b"transfer-encoding" in fields or not _LENGTH.fullmatch(length):
            return None
        if int(length) > self._max_body or expectation != b"100-continue":
            return None
        request_line = self._data[: self._data.find(b"\r\n")]
        self._expects_continue = b"expect" in fields and request_line.endswith(b" HTTP/1.1")
        return int(length)

    def _cut(self, size: int) -> bytes:
        message = bytes(self._data[:size])
        del self._data[:size]
        self._scanned, self._needed, self._expects_continue = 0, None, False
        return message
