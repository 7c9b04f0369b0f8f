"""Whether the actions that were stored over HTTP are whole: their versions and their audit rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from app.dal.audit_digests import digest_row, digest_values
from scripts.bench.frame import CannotMeasure

_SAMPLE: Final = 200
_COUNTS: Final = sa.text("""
    SELECT count(*) AS stored, count(audit_log.id) AS audited,
        count(*) FILTER (WHERE audit_log.new_value = jsonb_build_object(
            'id', history.id, 'user_id', history.user_id, 'action_type', history.action_type,
            'payload', history.payload, 'is_deleted', history.is_deleted,
            'version', history.version,
            'created_at', to_char(history.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'updated_at', to_char(history.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        ) AS told
    FROM history LEFT JOIN audit_log ON audit_log.user_id = history.user_id
        AND audit_log.table_name = 'history' AND audit_log.record_id = history.id::text
    WHERE history.action_type = :kind""")
_WRONG_VERSIONS: Final = """
    SELECT count(*) FROM sync_heads JOIN (
        SELECT user_id, count(*) AS rows, count(DISTINCT version) AS versions, max(version) AS last
        FROM history GROUP BY user_id) AS stored ON stored.user_id = sync_heads.user_id
    WHERE rows <> versions OR last <> rows OR last <> sync_heads.version"""
_SAMPLES: Final = sa.text("""
    SELECT audit_log.* FROM audit_log JOIN history ON history.user_id = audit_log.user_id
        AND history.id::text = audit_log.record_id
    WHERE history.action_type = :kind ORDER BY audit_log.id DESC LIMIT :sample""")


def require_whole_rows(url: str, answered: Mapping[str, int]) -> dict[str, int]:
    """Return how many actions of each type there are.

    Args:
        url: The database.
        answered: How many requests for actions of a type were answered; some more were not,
            because the turn ended.

    Raises:
        CannotMeasure: Some are not there, have not their version, or are not in the audit log as
            the service would write them down.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    stored: dict[str, int] = {}
    with engine.connect() as connection:
        connection.exec_driver_sql("SET TIME ZONE 'UTC'")
        wrong = connection.exec_driver_sql(_WRONG_VERSIONS).scalar_one()
        if wrong:
            raise CannotMeasure(f"{wrong} accounts have actions without a version of their own")
        for kind, count in answered.items():
            found = connection.execute(_COUNTS, {"kind": kind}).one()
            if found.stored < count or len(set(found)) > 1:
                raise CannotMeasure(f"{kind}: {count} actions answered, but {found._asdict()}")
            samples = connection.execute(_SAMPLES, {"kind": kind, "sample": _SAMPLE}).mappings()
            if not all(_is_genuine(dict(row)) for row in samples):
                raise CannotMeasure(f"{kind}: an audit row has a digest that is not its own")
            stored[kind] = found.stored
    return stored


def _is_genuine(row: Mapping[str, Any]) -> bool:
    values = digest_values(row["salt"], row["record_id"], row["old_value"], row["new_value"])
    return [values, digest_row(row)] == [row["values_digest"], row["digest"]]
