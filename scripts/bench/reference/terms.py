"""Whether somebody has accepted the terms that are in force, as the service looks at it."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Final

from fastapi import HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scripts.bench.reference.database import Base

_KNOWN_FOR: Final = 5
_known: tuple[float, list[tuple[str, datetime]]] = (float("-inf"), [])


class Document(Base):
    """A text that people are asked to agree to."""

    __tablename__ = "consent_documents"

    document: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    effective_at: Mapped[datetime]


class Consents(Base):
    """What an account has agreed to."""

    __tablename__ = "user_consents"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    terms_accepted: Mapped[bool]
    terms_version: Mapped[str | None]


async def check_terms(database: AsyncSession, user_id: uuid.UUID) -> None:
    """Refuse who has not accepted them; which there are is asked every few seconds only."""
    global _known  # noqa: PLW0603 - as a cache of one thing is written
    if time.monotonic() - _known[0] > _KNOWN_FOR:
        asked = (
            select(Document.version, Document.effective_at)
            .where(Document.document == "terms")
            .order_by(Document.effective_at)
        )
        rows = (await database.execute(asked)).all()
        _known = time.monotonic(), [(version, effective_at) for version, effective_at in rows]
    now = datetime.now(UTC)
    in_force = [version for version, effective_at in _known[1] if effective_at <= now]
    if not in_force:
        return
    consents = await database.get(Consents, user_id)
    if not (consents and consents.terms_accepted and consents.terms_version == in_force[-1]):
        raise HTTPException(403, "CONSENT_REQUIRED")
