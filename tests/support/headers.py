"""The headers that every answer carries, as a test sees them."""

from collections.abc import Mapping

from werkzeug.datastructures import Headers

PROTECTION = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Named exceptions: a page that is there to be shown, and files that browsers may keep.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TELL_TALE = ("X-Powered-By", "Via", "X-AspNet-Version", "Set-Cookie")


def missing_protection(path: str, headers: Mapping[str, str] | Headers) -> dict[str, str | None]:
    """Return the headers of an answer that are not what they must be, with what they are."""
    expected: dict[str, str | None] = {**PROTECTION, **dict.fromkeys(TELL_TALE)}
    if path.startswith("/docs") and headers.get("Content-Type", "").startswith("text/html"):
        expected["Content-Security-Policy"] = DOCS_POLICY
    if "Server" in headers:
        expected["Server"] = "gunicorn"  # No version.
    if "ETag" not in headers:
        expected["Cache-Control"] = "no-store"
    return {
        name: headers.get(name) for name, value in expected.items() if headers.get(name) != value
    }
