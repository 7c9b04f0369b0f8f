"""Answers that clients computed before: public ones for everybody, others for who stored them."""

from datetime import datetime
from typing import Annotated, Any, Final, Self

from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app import clock
from app.api.access import allow, current_principal, require_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body, Parameters
from app.api.schemas.flaws import refuse
from app.usecases import query_cache
from app.usecases.cached_answers import (
    DEFAULT_TTL,
    LONGEST_TTL,
    Answer,
    Key,
    choose_key,
    find_result_flaw,
    require_writer,
)
from app.vocabulary import CacheScope

blueprint = Blueprint(
    "query_cache",
    __name__,
    url_prefix="/api/v1/query-cache",
    abp_tags=[Tag(name="query-cache", description="Answers that were computed before")],
    abp_security=[{"bearer": []}],
)

COPY: Final = {"X-Cache": "copy"}
"""Tells that the database could not be asked: this is what the process remembers."""


def _storable(result: Any) -> Any:
    refuse(find_result_flaw(result))
    return result


class OneAnswer(Parameters):
    """The query in the path: what SHA-256 makes of all that shapes its answer."""

    hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Scope(Parameters):
    """Who may read the answer; without it, only whoever asks."""

    scope: CacheScope | None = None


class NewAnswer(Body):
    """An answer to store. Times are in seconds from now."""

    result: Annotated[Any, AfterValidator(_storable)]
    ttl: Annotated[int, Field(ge=1, le=LONGEST_TTL, description="How long the answer is told.")] = (
        DEFAULT_TTL
    )
    fresh_for: (
        Annotated[int, Field(ge=0, le=LONGEST_TTL, description="Afterwards it is stale.")] | None
    ) = None

    @model_validator(mode="after")
    def _is_stale_before_it_expires(self) -> Self:
        if self.fresh_for is not None and self.fresh_for > self.ttl:
            raise PydanticCustomError("out_of_range", "fresh_for is at most ttl.")
        return self


class CachedAnswer(BaseModel):
    """An answer that was computed before. A stale one should be computed anew."""

    result: Any
    scope: CacheScope
    cached_at: datetime
    stale_at: datetime
    expires_at: datetime
    is_stale: bool


@blueprint.get(
    "/<hash>",
    summary="Read an answer",
    security=[{}, {"bearer": []}],
    responses={200: CachedAnswer},
)
@allow("public")
def get_answer(path: OneAnswer, query: Scope) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return an answer, 404 if there is none. A public one needs no token, and looks at none.

    While the database cannot be asked, public answers are told from a copy, with X-Cache: copy.
    """
    key = Key.public(path.hash)
    if query.scope is not CacheScope.PUBLIC:
        key = choose_key(require_principal(), query.scope, path.hash)
    answer = query_cache.require(key)
    return _answer_json(key, answer), 200, COPY if answer.is_copy else {}


@blueprint.put(
    "/<hash>", summary="Store an answer", responses={200: CachedAnswer, 201: CachedAnswer}
)
@allow("user", terms=True)
def put_answer(path: OneAnswer, query: Scope, body: NewAnswer) -> tuple[dict[str, Any], int]:
    """Store an answer: 201, or 200 in the place of another. Public ones need a maintainer."""
    key = choose_key(current_principal(), query.scope, path.hash)
    require_writer(current_principal(), key)
    answer, is_new = query_cache.put(key, body.result, ttl=body.ttl, fresh_for=body.fresh_for)
    return _answer_json(key, answer), 201 if is_new else 200


@blueprint.delete("/<hash>", summary="Forget an answer", responses={204: None})
@allow("user")
def delete_answer(path: OneAnswer, query: Scope) -> tuple[str, int]:
    """Forget an answer, whether there is one or not. Public ones need a maintainer."""
    key = choose_key(current_principal(), query.scope, path.hash)
    require_writer(current_principal(), key)
    query_cache.delete(key)
    return "", 204


def _answer_json(key: Key, answer: Answer) -> dict[str, Any]:
    return {
        "result": answer.result,
        "scope": key.scope,
        "cached_at": answer.cached_at,
        "stale_at": answer.stale_at,
        "expires_at": answer.expires_at,
        "is_stale": answer.is_stale(clock.now()),
    }
