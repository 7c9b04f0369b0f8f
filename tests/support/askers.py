"""A process whose threads all ask for one cached answer at once. Run as a module.

    python -m tests.support.askers FOLDER THREADS LEASE_SECONDS

Each computation leaves a file in the folder, and ends when the file ``go`` is there.
"""

import json
import sys
import time
from pathlib import Path
from uuid import uuid4

from app.config import get_settings
from app.models import close_db, init_db
from app.usecases import query_cache
from app.usecases.query_cache import Key, get_or_compute, hash_query
from tests.support.threads import run_together

KEY = Key.public(hash_query({"prompt": "what everybody asks"}))


def compute_in(folder: Path) -> dict[str, str]:
    """Compute the answer, which says who did."""
    name = f"computed-{uuid4()}"
    (folder / name).touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return {"by": name}


def main(folder: Path, threads: int, lease_seconds: float) -> None:
    """Ask, and print what each thread was told."""
    query_cache.LEASE_SECONDS = lease_seconds  # type: ignore[misc]  # a constant but for this
    init_db(get_settings())
    (folder / f"ready-{uuid4()}").touch()
    told = run_together([lambda: get_or_compute(KEY, lambda: compute_in(folder), ttl=60)] * threads)
    sys.stdout.write(json.dumps([each if isinstance(each, dict) else repr(each) for each in told]))
    close_db()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
