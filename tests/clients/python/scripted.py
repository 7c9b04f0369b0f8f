"""A way to a service that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from offline_store import Answer, Request

Reply = Answer | Exception | Callable[[Request], Answer]


class Script:
    """Answers in turn, and whenever it is asked whose token this is; else it fails the test."""

    def __init__(self, *replies: Reply, account: str = "ada") -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []
        self.account = account

    def send(self, request: Request) -> Answer:
        if request.path == "users/me":
            return answer({"id": self.account})
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Answer) else reply(request)

    @property
    def pushed(self) -> list[list[dict[str, Any]]]:
        """The mutations of each push."""
        return [json.loads(one.body)["mutations"] for one in self.requests if one.body]


def answer(document: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(document).encode())


def page(
    cursor: str,
    *rows: Mapping[str, Any],
    deleted: tuple[str, ...] = (),
    more: bool = False,
    table: str = "history",
    **headers: str,
) -> Answer:
    """A page of changes of one table."""
    changes = {table: {"upserted": list(rows), "deleted": list(deleted)}}
    document = {"changes": changes, "cursor": cursor, "has_more": more}
    return Answer(200, headers, json.dumps(document).encode())


def row(row_id: str, version: int, **fields: Any) -> dict[str, Any]:
    return {"id": row_id, "version": version, **fields}


def judged(*verdicts: str, **further: Any) -> Callable[[Request], Answer]:
    """Give each mutation its verdict, and all of them the last one if there are more."""

    def judge(request: Request) -> Answer:
        mutations = json.loads(request.body or b"")["mutations"]
        given = [*verdicts, *([verdicts[-1]] * (len(mutations) - len(verdicts)))]
        results = [
            {"mutation_id": mutation["mutation_id"], "verdict": verdict, **further}
            for mutation, verdict in zip(mutations, given, strict=True)
        ]
        return answer({"results": results, "cursor": None})

    return judge


def refusal(status: int, code: str, **facts: Any) -> Answer:
    return answer({"code": code, "detail": "No.", "errors": [], **facts}, status)
