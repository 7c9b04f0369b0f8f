"""Structured logs: JSON, one event a line, each with the id of its request.

Never personal data, tokens or bodies: an event is a short constant and a few safe fields.
"""

import json
import logging
import re
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TextIO

import structlog
import uuid_utils
from structlog.typing import Processor

from bilayer.runtime.errors import DatabaseError

_ENCODER: Final = json.JSONEncoder(default=repr)
"""Made once: structlog's renderer makes one for each event."""
_request_id: Final = ContextVar[str | None]("request_id", default=None)
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


def configure_logging(level: str, file: TextIO | None = None) -> None:
    """Write events of at least ``level`` (debug, info, warning, error).

    Args:
        level: The least that is written.
        file: Where to; standard output if None.
    """
    structlog.configure(
        processors=[
            _name_request,
            *_describe_event(),
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.WriteLoggerFactory(file),
    )


def gunicorn_logging(level: str) -> dict[str, Any]:
    """Return the configuration that makes gunicorn's own log look like ours.

    Its access log is off: the application writes one event for each request.
    """
    handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": _foreign_formatter}},
        "handlers": {"stdout": handler},
        "root": {"level": "WARNING", "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {
                # More than this would be paths as they were asked for.
                "level": max(_number(level), logging.INFO),
                "handlers": ["stdout"],
                "propagate": False,
            },
            "gunicorn.access": {"handlers": [], "propagate": False},
            # Says something only with DB_ECHO_SQL.
            "bilayer.runtime": {"level": "INFO"},
            # SQLAlchemy's log of a pool has its class's name, and the address of the database.
            "bilayer.runtime.engines": {"level": "WARNING"},
        },
    }


def start_request(claimed_id: str | None) -> str:
    """Bind a request id to this thread's events: the caller's if well-formed, else a new one."""
    is_usable = claimed_id is not None and _WELL_FORMED.fullmatch(claimed_id)
    request_id = claimed_id if claimed_id and is_usable else str(uuid_utils.uuid7())
    _request_id.set(request_id)
    return request_id


def end_request() -> None:
    """Let what this thread says next be part of no request."""
    _request_id.set(None)


def current_request_id() -> str | None:
    """Return the id of the request this thread answers, if any."""
    return _request_id.get()


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _foreign_formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _render,
        ],
        foreign_pre_chain=_describe_event(),
    )


def _name_request(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Say of which request an event is part, if of any."""
    request_id = _request_id.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _describe_event() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _describe_exception,
    ]


def _describe_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Name the exception and where it came from, without its message, which may hold values."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        if isinstance(error, DatabaseError):
            event["error_code"] = error.code
        frames = traceback.extract_tb(error.__traceback__)
        event["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Write an event, whatever is in it."""
    return _ENCODER.encode(event)
