"""gunicorn's settings, and the start of the server.

The application is built before the fork, so that workers share its memory; nothing is connected
before the fork. Limits and times: see ``docs/server.md``.
"""

import atexit
import gc
import itertools
import math
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from app.config import METRICS_FOLDER, Settings, SettingsError
from app.log import gunicorn_logging

FINISH_SECONDS: Final = 25
"""How long a stopping worker has after it has drained: more than any request may take."""

MAX_REQUESTS: Final = 20_000
MAX_CONNECTIONS: Final = 500
"""Of one worker, if the system lets it open so many files and ``OTHER_FILES`` besides."""

OTHER_FILES: Final = 128

log = structlog.get_logger(__name__)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The service under gunicorn.

    Args:
        settings: The settings of the application it serves.
        read_settings: Reads them anew.

    Attributes:
        settings: Those that new workers get.
    """

    def __init__(self, settings: Settings, read_settings: Callable[[], Settings]) -> None:
        self.settings = settings
        self._read_settings = read_settings
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn its settings; it reads no file and no command line of its own."""
        for name, value in gunicorn_settings(self.settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application, before the fork, in the place of a former one."""
        # ruff: disable[PLC0415] - after share_metrics() has said where metrics go
        from app import create_app
        from app.models import close_db
        # ruff: enable[PLC0415]

        close_db()
        # What is made now stays: looking for garbage in it takes a quarter of the start.
        gc.disable()
        try:
            application = create_app(self.settings)
        finally:
            gc.enable()
        # No worker has to look through what it shares with the master, not even when it ends.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return application

    def reload(self) -> None:
        """Build the application anew with what the files of secrets say now, or keep the former."""
        # ruff: disable[PLC0415] - as in load()
        from app.models import close_db, init_db
        # ruff: enable[PLC0415]

        former = self.settings
        try:
            self.settings = self._read_settings()
            self.callable = self.load()
        except Exception as error:  # noqa: BLE001 - a mistake in a file must not stop the service
            reason = str(error) if isinstance(error, SettingsError) else type(error).__name__
            log.error("reload_refused", reason=reason)  # noqa: TRY400 - the reason is enough
            # Not built anew: what failed might fail again, and would end the service.
            self.settings = former
            close_db()
            init_db(former)
        super().reload()

    def run(self) -> None:
        """Run until told to stop."""
        from app.server.master import Master  # noqa: PLC0415 - as in load()

        Master(self).run()


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log without that of requests, of which the application writes one event each."""

    def access(self, *_request: Any) -> None:
        """Write nothing. gunicorn's own describes each request even if nobody reads it."""


def share_metrics() -> None:
    """Name the folder by which the workers share their numbers. Before anything that counts.

    prometheus_client takes the folder from nowhere else, and reads it when it is imported.
    """
    folder = tempfile.mkdtemp(prefix="metrics-")
    os.environ[METRICS_FOLDER] = folder  # noqa: TID251 - see above
    atexit.register(_remove_metrics, folder, os.getpid())


def serve(settings: Settings, read_settings: Callable[[], Settings]) -> None:
    """Run the service until it is told to stop.

    Args:
        settings: Those it begins with.
        read_settings: Called on SIGHUP.
    """
    Server(settings, read_settings).run()


def gunicorn_settings(settings: Settings) -> dict[str, Any]:
    """Return every setting of gunicorn that is not its default."""
    memory = Path("/dev/shm")  # noqa: S108 - a heartbeat on a disk that stalls would kill workers
    return {
        "bind": _address(settings.host, settings.port),
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": "app.server.worker.DeadlineWorker",
        "worker_connections": _connections(settings),
        "worker_tmp_dir": str(memory) if memory.is_dir() else None,
        "preload_app": True,
        "timeout": 30,
        "graceful_timeout": math.ceil(settings.draining) + FINISH_SECONDS,
        "keepalive": 5,
        "sendfile": False,  # It would wait for the client; the worker's outbox does not.
        "max_requests": MAX_REQUESTS,
        "max_requests_jitter": MAX_REQUESTS // 10,
        "limit_request_line": 4094,
        "limit_request_fields": 60,
        "limit_request_field_size": 8190,
        "header_map": "refuse",
        # Who is in front is PROXY_HOPS, which the application reads; gunicorn believes nobody.
        "forwarded_allow_ips": "",
        "control_socket_disable": True,
        "logger_class": QuietLogger,
        "logconfig_dict": gunicorn_logging(settings.log_level),
        "when_ready": _announce,
        "pre_fork": _number_worker,
        "post_worker_init": _begin_worker,
        "worker_exit": _end_worker,
        "child_exit": _forget_worker,
    }


def _connections(settings: Settings) -> int:
    """Return how many clients a worker serves at once, so that files are left for all else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = files - OTHER_FILES - settings.db_pool_size - settings.db_max_overflow
    is_limited = files != resource.RLIM_INFINITY
    return max(settings.threads + 1, min(MAX_CONNECTIONS, free)) if is_limited else MAX_CONNECTIONS


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(arbiter: Any) -> None:
    for listener in arbiter.LISTENERS:
        log.info("listening", address=str(listener))


def _remove_metrics(folder: str, owner: int) -> None:
    """Clean up in the master only: a worker that ends does all that its parent would."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _number_worker(arbiter: Any, worker: Any) -> None:
    """Give it the lowest number that no other worker has: its metrics are kept under it."""
    from app.metrics import reserve_room  # noqa: PLC0415 - as in load()

    taken = {other.number for other in arbiter.WORKERS.values()}
    worker.number = next(number for number in itertools.count(1) if number not in taken)
    reserve_room(worker.number)


def _begin_worker(worker: Any) -> None:
    """Count it, so that it is seen when they are replaced again and again; let it send mails."""
    # ruff: disable[PLC0415] - as in load()
    from app.api.signing import SIGNING_KEYS
    from app.metrics import record_worker_start, take_number
    from app.server.deliverer import Deliverer
    from app.server.post import make_post
    # ruff: enable[PLC0415]

    take_number(worker.number)
    record_worker_start()
    settings = worker.app.settings
    if settings.mail_delivery == "workers":
        worker.deliverer = Deliverer(make_post(settings, worker.wsgi.config[SIGNING_KEYS]))
        worker.deliverer.start()


def _end_worker(_arbiter: Any, worker: Any) -> None:
    """Send no further mail, after the last request: it may have queued one."""
    if hasattr(worker, "deliverer"):
        worker.deliverer.stop()


def _forget_worker(_arbiter: Any, worker: Any) -> None:
    """Take a dead worker's gauges out of the sums."""
    from prometheus_client import multiprocess  # noqa: PLC0415 - as in load()

    multiprocess.mark_process_dead(worker.number)  # type: ignore[no-untyped-call]  # the library has no types here
