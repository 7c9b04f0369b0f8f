"""The headers that protect whoever reads an answer, for those of the application and the server.

Holds constants only: the worker, which answers what never became a request, uses them too.
"""

from typing import Final

CONFINEMENT: Final = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a policy must forbid by name, because ``default-src`` says nothing of it."""

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; {CONFINEMENT}",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What an answer carries unless its view decided otherwise (OWASP, REST Security)."""

TRANSPORT_SECURITY: Final = "max-age=31536000; includeSubDomains"
"""A year of TLS only; said where TLS was used, because elsewhere it means nothing (RFC 6797)."""
