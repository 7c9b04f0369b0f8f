"""Close the network for the process of the suite: only loopback and named servers are reached."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterable

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo"})


class NetworkClosedError(AssertionError):
    """A test tried to reach another machine."""


def close_network(allowed_hosts: Iterable[str] = ()) -> None:
    """Refuse connections and name look-ups to anything but loopback and the given hosts.

    An audit hook sees every socket that Python opens and cannot be bypassed by a library that
    kept a reference to the real functions. It holds until the process ends.
    """
    allowed = {"localhost", ""}
    for host in allowed_hosts:
        allowed.add(host)
        allowed.update(str(info[4][0]) for info in socket.getaddrinfo(host, None))

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event not in _EVENTS:
            return
        address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        if not _is_local(host, allowed):
            message = f"{event} to {host!r}: tests reach this machine only."
            raise NetworkClosedError(message)

    sys.addaudithook(refuse)


def _is_local(host: object, allowed: set[str]) -> bool:
    """Whether the host is this machine; a path (a Unix socket) is."""
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str) or host in allowed or host.startswith(("/", "\0")):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
