"""An application served in this process, each request as if from another address.

Limits count by address, and would hide all that stands behind them from whoever asks very often.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """Serve an application on this machine until the block ends; give its address."""
    numbers = count(1)

    def from_elsewhere(environ: WSGIEnvironment, start: StartResponse) -> Any:
        number = next(numbers)
        environ["REMOTE_ADDR"] = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        return app(environ, start)

    # With threads, because a client that connects and says nothing would stop all others.
    server = make_server(
        "127.0.0.1", 0, from_elsewhere, threaded=True, request_handler=_QuietHandler
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _QuietHandler(WSGIRequestHandler):
    """Writes no access log."""

    def log(self, *_arguments: Any, **_options: Any) -> None:
        return
