"""gunicorn's master; it cuts nobody when the service stops, and replaces a worker before it goes.

gunicorn's own sends a worker SIGTERM for either, and starts its replacement after its end.
"""

import errno
import signal
from typing import Any

import structlog
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from app.server.orders import Order

log = structlog.get_logger(__name__)


class Master(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Starts, replaces and stops the workers."""

    is_stopping = False

    # Ctrl-C ends the service as SIGTERM does; gunicorn cuts every request.
    handle_int = Arbiter.handle_term

    def signal(self, sig: int, frame: Any) -> None:
        """Stop at once when told to stop a second time."""
        if self.is_stopping and sig in (signal.SIGTERM, signal.SIGINT):
            sig = signal.SIGQUIT
        super().signal(sig, frame)

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's own signature
        """Stop the workers; unless ``graceful`` is false, after they have drained."""
        self.is_stopping = True
        for worker in self.WORKERS.values():
            worker.orders.give(Order.DRAIN)
        super().stop(graceful)

    def reap_workers(self) -> None:
        """Forget the workers that have ended. Those that cannot start end the service, once."""
        try:
            super().reap_workers()
        except HaltServer:
            if not self.is_stopping:
                raise

    def reload(self) -> None:
        """Replace every worker by one that has the settings of now. Nobody waits for the old."""
        self.app.reload()
        self.setup(self.app)
        for worker in self.WORKERS.values():
            worker.orders.wear_out()
        self.manage_workers()

    def spawn_worker(self) -> int | None:
        """Start a worker; None if the system has no process, file or memory for one now."""
        try:
            pid: int = super().spawn_worker()
        except OSError as error:
            log.error("worker_not_started", error=errno.errorcode.get(error.errno or 0))  # noqa: TRY400 - the reason is enough
            return None
        return pid

    def manage_workers(self) -> None:
        """Keep the number of workers that are not worn; then let the others retire."""
        fresh = [worker for worker in self.WORKERS.values() if not worker.orders.is_worn]
        for _ in range(self.num_workers - len(fresh)):
            if self.spawn_worker() is None:
                return  # Nobody retires whom nobody replaces. The next turn tries again.
        fresh.sort(key=lambda worker: worker.age)
        for worker in fresh[: max(0, len(fresh) - self.num_workers)]:
            worker.orders.wear_out()
        for worker in list(self.WORKERS.values()):
            if worker.orders.is_worn:
                worker.orders.give(Order.RETIRE)
                self.kill_worker(worker.pid, signal.SIGUSR2)
