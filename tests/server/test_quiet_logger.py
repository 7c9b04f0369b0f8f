"""gunicorn's log: no request costs time for a log that nobody keeps."""

from pathlib import Path

from app.config import Settings
from app.server.gunicorn import gunicorn_settings


def test_no_request_is_described_for_gunicorns_own_log(tmp_path: Path) -> None:
    logger = gunicorn_settings(Settings(data_dir=tmp_path))["logger_class"]

    # No logger, no answer, no request: what describes them would stumble.
    logger.access(None, None, None, None, None)
