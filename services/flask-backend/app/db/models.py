"""The door to the schema layer: importing it registers every table. Holds no model itself."""

from __future__ import annotations

from app.db.base import Base
from app.db.tables.accounts import (
    EmailToken,
    Login,
    LoginAttempt,
    OutboxMail,
    Profile,
    Session,
    User,
)
from app.db.tables.audit import AuditBlock, AuditLog
from app.db.tables.backups import Backup
from app.db.tables.billing import StripeEvent, StripeObject, Transaction
from app.db.tables.consents import ConsentDocument, ConsentEvent, Erasure, UserConsent
from app.db.tables.history import History
from app.db.tables.idempotency import IdempotencyKey
from app.db.tables.imports import ImportItem, ImportRun, Quarantined
from app.db.tables.learning import (
    ApprovedCard,
    ChatMessage,
    LearnerProfile,
    MasteredGrammar,
    MasteredWord,
)
from app.db.tables.leases import Lease
from app.db.tables.query_cache import QueryCache
from app.db.tables.sync import Installation, SyncClient, SyncHead, SyncMutation
from app.db.tables.wallet import (
    ArchivedCreditTransaction,
    CreditAccount,
    CreditHold,
    CreditTransaction,
    UserCredits,
)

metadata = Base.metadata

__all__ = [
    "ApprovedCard",
    "ArchivedCreditTransaction",
    "AuditBlock",
    "AuditLog",
    "Backup",
    "ChatMessage",
    "ConsentDocument",
    "ConsentEvent",
    "CreditAccount",
    "CreditHold",
    "CreditTransaction",
    "EmailToken",
    "Erasure",
    "History",
    "IdempotencyKey",
    "ImportItem",
    "ImportRun",
    "Installation",
    "LearnerProfile",
    "Lease",
    "Login",
    "LoginAttempt",
    "MasteredGrammar",
    "MasteredWord",
    "OutboxMail",
    "Profile",
    "Quarantined",
    "QueryCache",
    "Session",
    "StripeEvent",
    "StripeObject",
    "SyncClient",
    "SyncHead",
    "SyncMutation",
    "Transaction",
    "User",
    "UserConsent",
    "UserCredits",
    "metadata",
]
