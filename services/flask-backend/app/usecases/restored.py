"""What a database that came out of a backup must forget before it may serve.

It is a moment of the past: devices have seen what it does not know, sessions that were ended are
valid in it, and people who were erased since are back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from app.errors import AppError, NotFound
from app.models import get_erasure, list_account_ids, revoke_sessions_of
from app.usecases.erasure import erase_account
from app.usecases.sync.numbering import begin_epoch
from app.usecases.work import unit_of_work

_ACCOUNTS: Final = 500


@dataclass(slots=True)
class Adjusted:
    """What was done to a restored database.

    Attributes:
        epoch: In which its devices fetch everything.
        sessions: How many pairs of tokens were ended.
        erased: How many accounts were erased again.
        refused: Why others were not.
    """

    epoch: UUID
    sessions: int = 0
    erased: int = 0
    refused: list[str] = field(default_factory=list)


def adjust(erased_ids: Iterable[UUID], *, at: datetime) -> Adjusted:
    """Begin another epoch, end all sessions, and erase whom the backup brought back.

    Args:
        erased_ids: Whom anybody remembers to have been erased.
        at: Now.
    """
    epoch, _ = begin_epoch(at=at)
    done = Adjusted(epoch)
    after = UUID(int=0)
    while user_ids := list_account_ids(after=after, limit=_ACCOUNTS):
        done.sessions += _end_sessions(user_ids, at)
        after = user_ids[-1]
    for user_id in erased_ids:
        erasure = get_erasure(user_id)
        if erasure is not None and erasure["finished_at"] is not None:
            continue
        try:
            erase_account(user_id)
            done.erased += 1
        except NotFound:  # The backup is from before they came.
            continue
        except AppError as error:
            done.refused.append(f"{user_id}: {error.message}")
    return done


@unit_of_work
def _end_sessions(user_ids: list[UUID], at: datetime) -> int:
    return revoke_sessions_of(user_ids, revoked_at=at)
