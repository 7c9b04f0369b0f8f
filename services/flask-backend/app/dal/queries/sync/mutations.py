"""What became of the changes that clients have sent, each told once and for all."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Row
from app.dal.queries.sync.rows import chunks


def list_mutation_results(
    user_id: UUID, client_id: str, mutation_ids: Collection[str]
) -> dict[str, Any]:
    """Return the results of those of a client's mutations that have one, by their ids."""
    db = get_db()
    mutations = db.sync_mutations
    results: dict[str, Any] = {}
    for some in chunks(mutation_ids):
        query = (mutations.user_id == user_id) & (mutations.client_id == client_id)
        rows: list[Row] = db(query & mutations.mutation_id.belongs(some)).dicts(
            mutations.mutation_id, mutations.result
        )
        results |= {row["mutation_id"]: row["result"] for row in rows}
    return results


def create_mutation_results(
    user_id: UUID, client_id: str, results: Mapping[str, Any], *, at: datetime
) -> None:
    """Store what became of a client's mutations, by their ids; none of them has a result yet."""
    get_db().sync_mutations.insert_many(
        {
            "user_id": user_id,
            "client_id": client_id,
            "mutation_id": mutation_id,
            "result": result,
            "created_at": at,
        }
        for mutation_id, result in results.items()
    )
