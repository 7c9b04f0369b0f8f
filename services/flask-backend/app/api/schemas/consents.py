"""What people agree to: what the API says and reads of it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.fields import Body, Flag, Parameters
from app.api.pagination import ListQuery
from app.api.schemas.flaws import VISIBLE
from app.usecases.publishing import LANGUAGE, NAME, VERSION
from app.vocabulary import ConsentMethod

VersionName = Annotated[str, Field(pattern=VERSION)]
LanguageTag = Annotated[str, Field(pattern=LANGUAGE)]
ShownVersion = Annotated[
    str,
    Field(
        pattern=VERSION,
        description="The version of the terms that is in force, or the accepted one.",
        json_schema_extra={"format": "version-in-force"},
    ),
]
ShownLanguage = Annotated[
    str,
    Field(
        pattern=LANGUAGE,
        description="A language in which what is accepted was published.",
        json_schema_extra={"format": "published-language"},
    ),
]


class RequiredConsentDocument(BaseModel):
    """What has to be accepted before the product is used."""

    document: str
    version: str
    effective_at: datetime
    languages: list[str]


class Consents(BaseModel):
    """What holds for an account; ``is_current`` if nothing is required of it."""

    terms_accepted: bool
    terms_version: str | None
    marketing_consent: bool
    timestamp: datetime | None
    updated_at: datetime | None
    is_current: bool
    required: list[RequiredConsentDocument]


class ConsentChoices(Body):
    """A decision about everything at once. Say what was shown, and by what people decided."""

    terms_accepted: bool
    marketing_consent: bool
    terms_version: ShownVersion | None = None
    language: ShownLanguage | None = None
    method: ConsentMethod = ConsentMethod.API
    surface: Annotated[str, Field(max_length=100, pattern=VISIBLE)] | None = None


class ConsentEvent(BaseModel):
    """One decision, and the text it was about."""

    id: UUID
    purpose: str
    decision: str
    document: str | None
    version: str | None
    language: str | None
    sha256: str | None
    method: str
    surface: str | None
    address: str | None
    created_at: datetime


class ConsentEventPage(BaseModel):
    """A page of decisions, the latest first."""

    items: list[ConsentEvent]
    next_cursor: str | None


class ConsentReceiptItem(BaseModel):
    """The last decision about one purpose; ``text`` is where to read what was shown."""

    purpose: str
    decision: str
    decided_at: datetime
    document: str | None
    version: str | None
    language: str | None
    sha256: str | None
    text: str | None
    method: str
    surface: str | None


class ConsentReceipt(BaseModel):
    """What an account holds in its hands of what it agreed to."""

    user_id: UUID
    issued_at: datetime
    purposes: list[ConsentReceiptItem]


class ConsentDocument(BaseModel):
    """A text that people are asked to agree to, without itself."""

    document: str
    version: str
    language: str
    sha256: str
    effective_at: datetime
    created_at: datetime
    is_in_force: bool


class ConsentDocumentPage(BaseModel):
    """All texts: there are few enough for one page."""

    items: list[ConsentDocument]
    next_cursor: None


class ConsentDocumentText(BaseModel):
    """A text as it was published."""

    document: str
    version: str
    language: str
    sha256: str
    effective_at: datetime
    created_at: datetime
    body: str


class OneConsentDocument(Parameters):
    """The text in the path."""

    document: Annotated[str, Field(pattern=NAME)]
    version: VersionName
    language: LanguageTag


class AccountConsents(BaseModel):
    """What holds for an account that decided something."""

    user_id: UUID
    terms_accepted: bool
    terms_version: str | None
    marketing_consent: bool
    timestamp: datetime
    updated_at: datetime


class AccountConsentsPage(BaseModel):
    """A page of accounts."""

    items: list[AccountConsents]
    next_cursor: str | None


class AccountConsentsQuery(ListQuery):
    """Which accounts to list."""

    terms_version: VersionName | None = None
    marketing_consent: Flag | None = None
    terms_accepted: Flag | None = None
