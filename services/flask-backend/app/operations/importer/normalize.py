"""A record made into the rows it is kept in, with all that is needed to write it out again.

The inverse is ``app.operations.importer.export``. Looks at no database: what is there already is
asked by whoever stores the rows.
"""

import dataclasses
from typing import Final

from app.operations.importer.fields import Fields, find_others, list_absent
from app.operations.importer.findings import Findings
from app.operations.importer.profiles import draft_profile
from app.operations.importer.records import Draft, Record, RecordKind, Rule
from app.vocabulary import CardStatus, CardType, MessageRole

MESSAGE_FIELDS: Final = ("id", "role", "content", "timestamp", "mentions", "config")

_USUAL_STATUS: Final = CardStatus.APPROVED


def normalize(record: Record, profile_id: str | None) -> Draft:
    """Return a record in the form of rows, or why it cannot have one.

    Args:
        record: As it was read.
        profile_id: Whose the cards and messages are.
    """
    if record.flaws:
        return Draft(record, flaws=record.flaws)
    findings = Findings(record.file, record.pointer)
    if record.kind is RecordKind.PROFILE:
        draft = draft_profile(record, findings)
    elif record.kind is RecordKind.CARD:
        draft = _draft_card(record, profile_id, findings)
    else:
        draft = _draft_message(record, profile_id, findings)
    notices, flaws = tuple(findings.notices), tuple(findings.flaws)
    full = dataclasses.replace(draft, notices=notices, flaws=flaws)
    return Draft(record, notices=notices, flaws=flaws) if full.is_refused else full


def _draft_card(record: Record, profile_id: str | None, findings: Findings) -> Draft:
    """Keep a card whole; its columns repeat what it says."""
    fields = Fields(record.value, findings)
    created_at = fields.time("created_at")
    row = {
        "card_type": fields.word("card_type", tuple(CardType)),
        "status": _read_status(fields, findings),
        "content": record.value,
        "approved_at": created_at,
        "created_at": created_at,
    }
    return Draft(record, profile_id, fields.source_id(), row=row)


def _read_status(fields: Fields, findings: Findings) -> str | None:
    if fields.text("status") is None:
        findings.notice("/status", Rule.NO_STATUS, f"It goes in as {_USUAL_STATUS}.", None)
        return _USUAL_STATUS
    return fields.word("status", tuple(CardStatus))


def _draft_message(record: Record, profile_id: str | None, findings: Findings) -> Draft:
    value = record.value
    fields = Fields(value, findings)
    row = {
        "role": fields.word("role", tuple(MessageRole)),
        "content": fields.required_text("content"),
        "mentions": value.get("mentions"),
        "config": value.get("config"),
        "extra": find_others(value, MESSAGE_FIELDS),
        "timestamp": fields.time("timestamp"),
    }
    original = {
        "absent": list_absent(value, MESSAGE_FIELDS),
        "raw": {field: value[field] for field in ("id", "timestamp") if field in value},
    }
    return Draft(record, profile_id, fields.source_id(), row=row, original=original)
