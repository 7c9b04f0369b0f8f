"""Keep an account's rows on a device, change them offline, and sync them without losing any."""

from __future__ import annotations

from offline_store.errors import (
    Forbidden,
    FullResyncRequired,
    Refusal,
    RowNotFound,
    SignInRequired,
    StoreError,
    SyncError,
    TooManyRequests,
    Unavailable,
    UnknownAnswer,
    Unreachable,
    WrongAccount,
)
from offline_store.model import Agreement, Mutation, Refused, Report, Result, Row
from offline_store.store import Store
from offline_store.transport import Answer, HttpTransport, Request, Transport

__all__ = [
    "Agreement",
    "Answer",
    "Forbidden",
    "FullResyncRequired",
    "HttpTransport",
    "Mutation",
    "Refusal",
    "Refused",
    "Report",
    "Request",
    "Result",
    "Row",
    "RowNotFound",
    "SignInRequired",
    "Store",
    "StoreError",
    "SyncError",
    "TooManyRequests",
    "Transport",
    "Unavailable",
    "UnknownAnswer",
    "Unreachable",
    "WrongAccount",
]
