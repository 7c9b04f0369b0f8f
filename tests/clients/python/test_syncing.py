"""A sync against answers that are told: every order of things, and answers that never come."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offline_store import (
    Agreement,
    Answer,
    Forbidden,
    FullResyncRequired,
    Mutation,
    Refusal,
    Request,
    Result,
    SignInRequired,
    Store,
    SyncError,
    TooManyRequests,
    Unavailable,
    UnknownAnswer,
    Unreachable,
    WrongAccount,
)
from offline_store.errors import MutationsRefused
from offline_store.protocol import fitting
from tests.clients.python.scripted import Script, answer, judged, page, refusal, row

LOST = Unreachable("lost")


@dataclass
class Told:
    """Hooks that remember what they were told, and fail if asked to."""

    conflicts: list[tuple[Mutation, Result]] = field(default_factory=list)
    rejected: list[tuple[Mutation, Result]] = field(default_factory=list)
    failure: Exception | None = None

    def on_conflict(self, mutation: Mutation, result: Result) -> None:
        self.conflicts.append((mutation, result))
        if self.failure:
            raise self.failure

    def on_rejected(self, mutation: Mutation, result: Result) -> None:
        self.rejected.append((mutation, result))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def store(path: Path, told: Told) -> Iterator[Store]:
    with Store(path, on_conflict=told.on_conflict, on_rejected=told.on_rejected) as store:
        yield store


def fields_of(store: Store, row_id: str) -> dict[str, object] | None:
    found = store.get("history", row_id)
    return None if found is None else found.fields


def test_pages_are_followed_to_the_last_and_stored_with_their_cursors(store: Store) -> None:
    script = Script(
        page("c1", row("a", 1, n=1), row("b", 1, n=1), more=True),
        page("c2", row("a", 2, n=2), deleted=("b",)),
    )

    report = store.sync(script)

    assert (report.pulled, report.pushed) == (4, 0)
    assert [one.query.get("cursor") for one in script.requests] == [None, "c1"]
    assert [(one.id, one.version, one.fields) for one in store.list("history")] == [
        ("a", 2, {"n": 2})
    ]


def test_own_changes_stay_on_top_of_what_comes_and_of_what_is_confirmed(store: Store) -> None:
    store.sync(Script(page("c1", row("a", 1, mine=0, theirs=0))))
    store.change("history", "a", mine=1)

    with pytest.raises(Unreachable):
        store.sync(Script(LOST))
    unsent = fields_of(store, "a")
    with pytest.raises(Unreachable):
        store.sync(
            Script(judged("merged"), page("c2", row("a", 2, mine=0, theirs=2), more=True), LOST)
        )
    confirmed = store.get("history", "a")
    store.sync(Script(page("c3", row("a", 3, mine=1, theirs=2))))

    assert unsent == {"mine": 1, "theirs": 0}
    assert confirmed is not None
    assert (confirmed.fields, confirmed.is_pending) == ({"mine": 1, "theirs": 2}, True)
    back = store.get("history", "a")
    assert back is not None
    assert (back.fields, back.version, back.is_pending) == ({"mine": 1, "theirs": 2}, 3, False)


def test_what_was_not_answered_is_sent_again_under_the_same_id(store: Store, path: Path) -> None:
    store.put("history", {"n": 1}, "a")
    first = Script(LOST)
    with pytest.raises(Unreachable):
        store.sync(first)
    store.close()

    with Store(path) as reopened:
        second = Script(judged("applied"), page("c1", row("a", 1, n=1)))
        reopened.sync(second)

        assert first.pushed == second.pushed
        assert reopened.pending() == []
        assert [one.is_pending for one in reopened.list("history")] == [False]


def test_a_change_made_while_a_push_is_under_way_waits_for_the_next(store: Store) -> None:
    store.put("history", {"n": 1}, "a")

    def change_meanwhile(request: Request) -> Answer:
        store.change("history", "a", n=2)
        return judged("applied")(request)

    script = Script(change_meanwhile, judged("merged"), page("c", row("a", 2, n=2)))
    store.sync(script)

    assert [len(mutations) for mutations in script.pushed] == [1, 1]
    assert fields_of(store, "a") == {"n": 2}


def test_a_conflict_is_told_with_the_row_of_the_service_once_that_is_here(
    store: Store, told: Told
) -> None:
    store.sync(Script(page("c1", row("a", 1, n=0))))
    store.change("history", "a", n=1)
    theirs = {"id": "a", "version": 2, "is_deleted": True}

    report = store.sync(
        Script(judged("conflict", row=theirs, code="ROW_DELETED"), page("c2", deleted=("a",)))
    )

    [(mutation, result)] = told.conflicts
    assert (mutation.fields, result.row, result.code) == ({"n": 1}, theirs, "ROW_DELETED")
    assert (report.refused, store.get("history", "a"), store.refused()) == (1, None, [])


def test_a_hook_that_fails_is_told_again(store: Store, told: Told) -> None:
    store.put("history", {}, "a")
    told.failure = RuntimeError("the application crashed")
    with pytest.raises(RuntimeError):
        store.sync(Script(judged("conflict"), page("c1")))

    told.failure = None
    store.sync(Script(page("c1")))
    store.sync(Script(page("c1")))

    assert [mutation.row_id for mutation, _ in told.conflicts] == ["a", "a"]


def test_without_hooks_what_was_refused_is_kept_until_it_is_dismissed(path: Path) -> None:
    with Store(path) as store:
        store.put("history", {"n": 1}, "a")
        store.put("history", {"n": 2}, "b")
        said = judged("rejected", "applied", path="fields.n", code="UNKNOWN_FIELD", reason="No.")

        store.sync(Script(said, page("c1", row("b", 1, n=2))))

        [refused] = store.refused()
        assert (refused.mutation.row_id, refused.result.path) == ("a", "fields.n")
        assert [one.id for one in store.list("history")] == ["b"]
        store.dismiss(refused.mutation.mutation_id)
        assert store.refused() == []


def test_what_lies_in_the_queue_is_sent_in_order_and_in_parts_that_fit(store: Store) -> None:
    for number in range(5):
        store.put("history", {"n": number, "text": "x" * 900_000})
    script = Script(*[judged("applied")] * 3, page("c1"))

    report = store.sync(script)

    sent = [[mutation["fields"]["n"] for mutation in part] for part in script.pushed]
    assert sent == [[0, 1], [2, 3], [4]]
    assert max(len(one.body or b"") for one in script.requests) < 2 * 2**20
    assert report.pushed == 5


def test_a_push_holds_at_most_a_thousand_mutations() -> None:
    queued = [Mutation(str(number), "history", "delete", "a", 1, {}) for number in range(1001)]

    assert fitting(queued) == queued[:1000]


def test_one_mutation_that_no_push_may_hold_does_not_hold_up_the_others(
    store: Store, told: Told
) -> None:
    for number in range(8):
        store.put("history", {"bad": number == 5}, f"row-{number}")

    def read(request: Request) -> Answer:
        if b'"bad":true' in (request.body or b""):
            return refusal(400, "TOO_DEEP")
        return judged("applied")(request)

    script = Script(*[read] * 7, page("c1"))
    store.sync(script)

    assert [(mutation.row_id, result.code) for mutation, result in told.rejected] == [
        ("row-5", "TOO_DEEP")
    ]
    assert script.replies == []
    assert store.pending() == []


def test_a_proxy_that_takes_less_than_the_service_gets_less(store: Store) -> None:
    for number in range(4):
        store.put("history", {"text": "x" * 400_000}, f"row-{number}")

    def take(request: Request) -> Answer:
        if len(request.body or b"") > 2**20:
            return Answer(413, {}, b"<html>")
        return judged("applied")(request)

    script = Script(*[take] * 3, page("c1"))
    store.sync(script)

    assert [len(mutations) for mutations in script.pushed] == [4, 2, 2]
    assert (store.pending(), store.refused()) == ([], [])


def test_who_was_away_too_long_fetches_all_anew_and_sees_all_meanwhile(store: Store) -> None:
    store.sync(Script(page("c1", row("kept", 7, n=7), row("gone", 7))))
    store.change("history", "kept", n=8)
    gone = refusal(410, "FULL_RESYNC_REQUIRED", reason="horizon")

    with pytest.raises(Unreachable):
        store.sync(Script(gone, page("c8", row("new", 8), more=True), LOST))
    meanwhile = {one.id for one in store.list("history")}
    script = Script(
        page("c9", row("kept", 9, n=9)), judged("merged"), page("c10", row("kept", 10, n=8))
    )
    store.sync(script)

    assert meanwhile == {"kept", "gone", "new"}
    assert [one.id for one in store.list("history")] == ["kept", "new"]
    assert script.pushed[0][0]["base_version"] == 7


def test_after_a_restore_nothing_this_device_made_is_missing(store: Store) -> None:
    store.sync(Script(page("c1", row("a", 50, n=0), row("b", 50, n=0))))
    store.change("history", "a", n=1)
    with pytest.raises(Unreachable):
        store.sync(Script(judged("applied"), LOST))
    store.change("history", "b", n=1)
    other = refusal(410, "FULL_RESYNC_REQUIRED", reason="epoch")
    script = Script(
        other,
        page("d1", row("a", 3, n=0), row("b", 4, n=0)),
        judged("applied"),
        page("d2", row("a", 5, n=1), row("b", 5, n=1)),
    )

    report = store.sync(script)

    again = script.pushed[1]
    assert report.resynced
    assert [(one["id"], one["base_version"]) for one in again] == [("a", 3), ("b", 4)]
    assert [one.fields for one in store.list("history")] == [{"n": 1}, {"n": 1}]


def test_a_restore_is_not_forgotten_when_fetching_anew_begins_anew(store: Store) -> None:
    store.sync(Script(page("c1", row("a", 50, n=0))))
    store.change("history", "a", n=1)
    restored, late = (
        refusal(410, "FULL_RESYNC_REQUIRED", reason=reason) for reason in ("epoch", "horizon")
    )
    script = Script(restored, late, page("d1", row("a", 3, n=0)), judged("applied"), page("d2"))

    store.sync(script)

    assert script.pushed[-1][0]["base_version"] == 3


def test_a_change_of_a_row_that_was_deleted_meanwhile_is_not_seen_as_half_a_row(
    store: Store,
) -> None:
    store.sync(Script(page("c1", row("a", 1, n=1, text="whole"))))

    def change_meanwhile(_: Request) -> Answer:
        store.change("history", "a", n=2)
        return page("c2", deleted=("a",))

    store.sync(Script(change_meanwhile))

    assert (store.get("history", "a"), list(store.list("history"))) == (None, [])
    assert len(store.pending()) == 1


def test_a_page_is_stored_with_its_cursor_or_not_at_all(store: Store, path: Path) -> None:
    disk = sqlite3.connect(path)
    full = "CREATE TRIGGER full BEFORE UPDATE ON state BEGIN SELECT RAISE(ABORT, 'full'); END"
    disk.execute(full)
    with pytest.raises(sqlite3.Error):
        store.sync(Script(page("c1", row("a", 1))))
    seen = list(store.list("history"))
    disk.execute("DROP TRIGGER full")
    disk.close()

    script = Script(page("c1", row("a", 1)))
    store.sync(script)

    assert seen == []
    assert "cursor" not in script.requests[0].query
    assert len(store.list("history")) == 1


@pytest.mark.parametrize("reason", ["epoch", "horizon"])
def test_nothing_of_one_account_goes_to_another_while_there_is_no_cursor(
    store: Store, reason: str
) -> None:
    store.sync(Script(page("c1", row("a", 1))))
    store.put("history", {"unsent": True}, "b")
    gone = refusal(410, "FULL_RESYNC_REQUIRED", reason=reason)
    with pytest.raises(Unreachable):
        store.sync(Script(gone, LOST))

    bob = Script(account="bob")
    with pytest.raises(WrongAccount):
        store.sync(bob)
    back = Script(page("c2", row("a", 2)), judged("applied"), page("c3", row("b", 3)))
    store.sync(back)

    assert bob.requests == []
    assert [one.id for one in store.list("history")] == ["a", "b"]


def test_what_was_made_by_one_account_is_not_pushed_by_another(store: Store) -> None:
    store.put("history", {"n": 1}, "a")
    with pytest.raises(Unreachable):
        store.sync(Script(LOST))

    with pytest.raises(WrongAccount):
        store.sync(Script(account="bob"))

    assert len(store.pending()) == 1


def test_a_cursor_that_cannot_be_read_any_more_is_made_anew(store: Store) -> None:
    store.sync(Script(page("c1", row("a", 1, n=0), row("gone", 1))))
    store.change("history", "a", n=1)
    unreadable = refusal(422, "CURSOR_INVALID", errors=[{"field": "cursor"}])
    script = Script(unreadable, page("d1", row("a", 1, n=0)), judged("applied"), page("d2"))

    report = store.sync(script)

    assert report.resynced
    assert [one.id for one in store.list("history")] == ["a"]
    assert script.pushed[-1][0]["base_version"] == 1


def test_a_service_that_never_stops_asking_for_a_resync_is_reported(store: Store) -> None:
    endless = refusal(410, "FULL_RESYNC_REQUIRED", reason="ahead")

    with pytest.raises(FullResyncRequired) as refused:
        store.sync(Script(*[endless] * 3))

    assert refused.value.reason == "ahead"


def test_nothing_new_is_asked_for_with_the_tag_of_the_answer_before(store: Store) -> None:
    tagged = Answer(304, {}, b"")
    script = Script(
        page("c1", row("a", 1), etag='W/"0"'), page("c1", etag='W/"1"'), tagged, page("c2")
    )

    for _ in range(4):
        store.sync(script)

    assert [one.etag for one in script.requests] == [None, None, 'W/"1"', 'W/"1"']


def test_what_made_no_difference_is_settled_by_nothing_new(store: Store) -> None:
    store.sync(Script(page("c1", row("a", 1, n=1))))
    store.sync(Script(page("c1", etag='W/"1"')))
    store.change("history", "a", n=1)

    store.sync(Script(judged("applied"), Answer(304, {}, b"")))

    assert [one.is_pending for one in store.list("history")] == [False]


def test_verdicts_are_stored_together(store: Store, path: Path) -> None:
    for row_id in "ab":
        store.put("history", {"n": 1}, row_id)
    disk = sqlite3.connect(path)
    disk.execute(
        "CREATE TRIGGER full BEFORE UPDATE ON mutations WHEN NEW.row_id = 'b'"
        " BEGIN SELECT RAISE(ABORT, 'full'); END"
    )

    with pytest.raises(sqlite3.Error):
        store.sync(Script(judged("applied")))

    disk.close()
    assert len(store.pending()) == 2


def test_a_verdict_of_before_a_restore_is_not_trusted_after_it(store: Store, path: Path) -> None:
    store.sync(Script(page("c1")))
    store.put("history", {"n": 1}, "a")
    restored = refusal(410, "FULL_RESYNC_REQUIRED", reason="epoch")

    def begin_anew_meanwhile(request: Request) -> Answer:
        with Store(path) as other, pytest.raises(Unreachable):
            other.sync(Script(restored, LOST))
        return judged("applied")(request)

    script = Script(begin_anew_meanwhile, page("d1"))
    store.sync(script)
    assert len(store.pending()) == 1

    again = Script(judged("applied"), page("d2", row("a", 1, n=1)))
    store.sync(again)
    assert script.pushed == again.pushed


def test_a_row_is_found_without_reading_the_whole_queue(store: Store) -> None:
    for _ in range(50):
        store.put("history", {})
    steps: list[int] = []
    connection = store._database._connection
    connection.set_progress_handler(lambda: steps.append(1), 1)
    store.get("history", "a")
    few = len(steps)
    for _ in range(200):
        store.put("history", {})
    steps.clear()
    store.get("history", "a")

    assert len(steps) == few


def test_a_page_that_another_process_has_overtaken_is_not_applied(store: Store, path: Path) -> None:
    store.sync(Script(page("c1", row("a", 1, n=1))))

    def overtake(request: Request) -> Answer:
        with Store(path) as other:
            other.sync(Script(page("c3", row("a", 3, n=3))))
        return page("c2", row("a", 2, n=2))

    script = Script(overtake, page("c3"))
    store.sync(script)

    assert script.requests[1].query["cursor"] == "c3"
    assert fields_of(store, "a") == {"n": 3}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusal(401, "INVALID_TOKEN"), SignInRequired),
        (refusal(429, "TOO_MANY_REQUESTS"), TooManyRequests),
        (refusal(503, "DATABASE_BUSY"), Unavailable),
        (Answer(413, {}, b"<html>"), MutationsRefused),
        (Answer(502, {}, b"<html>"), Unavailable),
        (Answer(200, {}, b"<html>"), UnknownAnswer),
        (answer([]), UnknownAnswer),
        (answer({"results": []}), UnknownAnswer),
        (judged("perhaps"), UnknownAnswer),
        (judged("conflict", row={"n": float("nan")}), UnknownAnswer),
        (Answer(200, {}, b"[" * 100_000), UnknownAnswer),
        (refusal(422, "VALIDATION_ERROR", errors=["mutations"]), Refusal),
        (refusal(422, "VALIDATION_ERROR", errors=5), Refusal),
        (LOST, Unreachable),
    ],
)
def test_a_refused_push_says_why_and_loses_nothing(
    store: Store, reply: Answer, error: type[SyncError]
) -> None:
    store.put("history", {"n": 1}, "a")

    with pytest.raises(SyncError) as refused:
        store.sync(Script(reply))

    assert type(refused.value) is error
    assert len(store.pending()) == 1


def test_who_may_not_write_may_still_read(store: Store) -> None:
    store.put("history", {"n": 1}, "a")
    script = Script(refusal(403, "CONSENT_REQUIRED"), page("c1", row("b", 1)))

    with pytest.raises(Forbidden) as refused:
        store.sync(script)

    assert refused.value.code == "CONSENT_REQUIRED"
    assert [one.id for one in store.list("history")] == ["a", "b"]
    assert len(store.pending()) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"changes": {}, "has_more": False},
        {"changes": {"history": []}, "cursor": "c", "has_more": False},
        {"changes": {"history": {"upserted": [{}], "deleted": []}}, "cursor": "c", "has_more": 0},
        {"changes": {}, "cursor": None, "has_more": False},
        {"changes": {}, "cursor": "c2", "has_more": "false"},
        {"changes": {}, "cursor": "c1", "has_more": True},
        {
            "changes": {"history": {"upserted": [], "deleted": "abc"}},
            "cursor": "c",
            "has_more": False,
        },
        *(
            {
                "changes": {"history": {"upserted": [bad], "deleted": []}},
                "cursor": "c",
                "has_more": False,
            }
            for bad in (
                row("a", 2**63),
                row("a", -1),
                {"id": "a", "version": 1.5},
                {"id": None, "version": 1},
                row("a", 2, n=float("nan")),
                row("a", 2, n="\ud800"),
            )
        ),
    ],
)
def test_a_page_that_cannot_be_read_leaves_the_store_as_it_was(
    store: Store, document: dict[str, object]
) -> None:
    store.sync(Script(page("c1", row("a", 1))))

    with pytest.raises(UnknownAnswer):
        store.sync(Script(answer(document)))

    script = Script(page("c1"))
    store.sync(script)
    assert script.requests[0].query["cursor"] == "c1"
    assert [one.id for one in store.list("history")] == ["a"]


def checksums(cursor: str, **tables: tuple[int, str]) -> Answer:
    told = {name: {"count": count, "sha256": sha256} for name, (count, sha256) in tables.items()}
    return answer({"version": 1, "cursor": cursor, "tables": told})


def test_a_store_that_differs_is_found_and_healed(store: Store) -> None:
    store.sync(Script(page("c1", row("a", 1), row("b", 1))))
    right = store.checksum("history")
    store.sync(Script(page("c2", deleted=("b",))))  # This the service never said.
    script = Script(
        page("c2"),
        checksums("c3", history=(2, right)),
        page("c3"),
        checksums("c3", history=(2, right)),
        page("c3", row("a", 1), row("b", 1)),
        page("c3"),
        checksums("c3", history=(2, right)),
    )

    found = store.verify(script)

    assert (found, script.replies) == (Agreement.HEALED, [])
    assert store.verify(Script(page("c3"), checksums("c3", history=(2, right)))) is (
        Agreement.AGREES
    )
    busy = (page("c3"), checksums("c4", history=(2, right)))
    assert store.verify(Script(*busy * 3)) is Agreement.UNDECIDED


def test_the_checksum_is_of_ids_and_versions_in_order_without_own_changes(store: Store) -> None:
    store.sync(Script(page("c1", row("b", 2), row("a", 11))))
    store.change("history", "a", n=1)

    # printf 'a:11\nb:2\n' | sha256sum
    assert store.checksum("history") == (
        "bc9f1b13ce205bd291e98da8775d9778e56babaf3fb28639bd5c0bccec5ee76d"
    )


def test_a_push_says_who_sends_and_from_where(path: Path) -> None:
    with Store(path, client_id="phone", client_name="Ada's phone") as store:
        store.sync(Script(page("c1")))
        store.put("history", {"n": 1}, "a")
        script = Script(judged("applied"), page("c2"))

        store.sync(script)

        sent = json.loads(script.requests[0].body or b"")
        [mutation] = sent.pop("mutations")
        assert sent == {"client_id": "phone", "client_name": "Ada's phone", "cursor": "c1"}
        del mutation["mutation_id"]
        assert mutation == {
            "table": "history",
            "op": "upsert",
            "id": "a",
            "base_version": 0,
            "fields": {"n": 1},
        }
        assert script.requests[1].query == {"limit": "500", "client_id": "phone", "cursor": "c1"}
