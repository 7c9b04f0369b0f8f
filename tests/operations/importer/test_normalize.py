"""What becomes of each form a value has in the files, and that nothing is lost on the way."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.operations.importer.canonical import hash_of
from app.operations.importer.export import write_out
from app.operations.importer.normalize import normalize
from app.operations.importer.reading import open_source, read_records
from app.operations.importer.records import Action, Draft, Record, RecordKind, Rule
from app.usecases.learning.texts import SLUG
from tests.support.learner_files import Sizes, write_array, write_folder

PROFILE = {"id": "anna", "name": "Anna"}
CARD = {"id": "1", "card_type": "basic", "status": "approved", "created_at": "2025-01-02T03:04:05Z"}
MESSAGE = {"id": "1", "role": "user", "content": "hi", "timestamp": "2025-01-02T03:04:05Z"}
NOON = datetime(2025, 1, 2, 12, tzinfo=UTC)


def draft(kind: RecordKind, value: Any, *, made_id: str | None = None) -> Draft:
    record = Record("a.json", 3, "/3", kind, value, b"", hash_of(value), made_id)
    return normalize(record, "anna")


def draft_profile(**fields: Any) -> Draft:
    return draft(RecordKind.PROFILE, {**PROFILE, **fields}, made_id="made")


def written(of: Draft) -> dict[str, Any]:
    kind = of.record.kind
    return write_out(kind, of.row, of.original, words=of.words, grammar=of.grammar)


def rules(of: Draft) -> list[tuple[str, Rule]]:
    return [(found.pointer, found.rule) for found in (*of.flaws, *of.notices)]


# --- Nothing is lost

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
extras = st.dictionaries(st.text(), documents, max_size=3)
entries = st.text(alphabet="ab 你好é\u0301%,", max_size=6)
word_lists = st.none() | st.lists(entries) | st.lists(entries).map(", ".join)
rosters = st.none() | st.lists(documents, max_size=3) | st.text(alphabet="ab, ")
times = st.none() | st.datetimes(
    min_value=datetime(1001, 1, 1),
    max_value=datetime(9998, 1, 1),
    timezones=st.one_of(st.none(), st.timezones()),
).map(datetime.isoformat)
profiles = st.fixed_dictionaries(
    {"name": st.text(alphabet=" aé\u0301你", min_size=1).filter(str.strip)},
    optional={
        "id": st.none() | st.from_regex(SLUG.strip("^$"), fullmatch=True),
        "dob": st.none() | st.text(),
        "school": st.none() | st.text(),
        "raw_input": st.none() | st.text(),
        "interests": rosters,
        "character_roster": rosters,
        "mental_age": st.none() | st.floats(-1e9, 1e9) | st.integers(-(2**53), 2**53),
        "extracted_data": st.none() | extras,
        "mastered_words": word_lists,
        "mastered_english_words": word_lists,
        "mastered_grammar": st.none() | st.lists(entries) | st.lists(entries).map(",".join),
    },
)
source_ids = st.text(min_size=1) | st.integers(0, 2**63 - 1)
cards = st.fixed_dictionaries(
    {"id": source_ids, "card_type": st.sampled_from(["basic", "interactive_cloze"])},
    optional={
        "status": st.sampled_from([None, "pending", "approved", "synced"]),
        "created_at": times,
        "tags": st.text() | st.lists(st.text()),
    },
)
messages = st.fixed_dictionaries(
    {"id": source_ids, "role": st.sampled_from(["user", "assistant"]), "content": st.text()},
    optional={"timestamp": times, "mentions": documents, "config": documents},
)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (RecordKind.PROFILE, profiles),
        (RecordKind.CARD, cards),
        (RecordKind.MESSAGE, messages),
    ],
)
@given(data=st.data())
def test_what_goes_in_is_written_out_as_it_was(
    kind: RecordKind, values: st.SearchStrategy[dict[str, Any]], data: st.DataObject
) -> None:
    value = data.draw(extras) | data.draw(values)

    found = draft(kind, value, made_id="made")

    assert not found.is_refused, found.flaws
    assert written(found) == value
    assert hash_of(written(found)) == found.record.raw_hash
    json.dumps(found.original)


def test_the_files_of_the_real_system_go_in_without_a_flaw(tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path, Sizes(profiles=4)))
    records = [record for file in source.files for record in read_records(source, file)]

    drafts = [normalize(record, "anna") for record in records]

    assert [found for one in drafts for found in one.flaws] == []
    assert [written(one) for one in drafts] == [record.value for record in records]


def test_what_is_no_longer_stored_is_not_written_out() -> None:
    found = draft_profile(mastered_words="你, 好, 你", mastered_grammar=["a", "b"])

    without = write_out(
        RecordKind.PROFILE, found.row, found.original, words={("zh", "好")}, grammar={"b"}
    )

    assert without == {**PROFILE, "mastered_words": "好", "mastered_grammar": ["b"]}


def test_what_is_stored_counts_and_not_the_form_it_had() -> None:
    found = draft_profile(name=" Anna ", interests="a, b", character_roster=None)
    changed = {**found.row, "name": "Anne", "interests": ["a", "c"], "character_roster": ["d"]}

    assert write_out(RecordKind.PROFILE, changed, found.original) == {
        **PROFILE,
        "name": "Anne",
        "interests": "a, c",
        "character_roster": ["d"],
    }
    message = draft(RecordKind.MESSAGE, MESSAGE)
    moved = {**message.row, "timestamp": NOON}
    assert write_out(RecordKind.MESSAGE, moved, message.original)["timestamp"] == NOON.isoformat()


def test_one_hash_stands_for_all_ways_to_write_a_document() -> None:
    assert hash_of({"a": 1, "b": [2.0]}) == hash_of({"b": [2], "a": 1.0})
    assert hash_of({"a": 1}) != hash_of({"a": True})
    assert hash_of({"a": "1"}) != hash_of({"a": 1})
    assert hash_of([2.0**60]) != hash_of([2**60 + 1])


# --- Profiles


def test_lists_of_words_are_split_and_each_word_is_there_once() -> None:
    found = draft_profile(
        mastered_words="你好, 再见, 你好",
        mastered_english_words=["cat", "cat ", "dog", "dog"],
        mastered_grammar="http://x/%E4%BD%A0%2C%20b,http://x/c,http://x/c",
    )

    assert found.words == (("zh", "你好"), ("zh", "再见"), ("en", "cat"), ("en", "dog"))
    assert found.grammar == ("http://x/%E4%BD%A0%2C%20b", "http://x/c")
    assert rules(found) == [
        ("/3/mastered_words", Rule.REPEATED_ENTRY),
        ("/3/mastered_english_words/1", Rule.CHANGED_TEXT),
        ("/3/mastered_english_words", Rule.REPEATED_ENTRY),
        ("/3/mastered_grammar", Rule.REPEATED_ENTRY),
    ]
    assert [found.notices[0].value, found.notices[2].value] == ["1", "2"]


@pytest.mark.parametrize(
    ("field", "word", "is_other"),
    [
        ("mastered_words", "你好", False),
        ("mastered_words", "卡拉OK", False),
        ("mastered_words", "hello", True),
        ("mastered_words", "nǐ hǎo", True),
        ("mastered_words", "привет", True),
        ("mastered_english_words", "ice cream's", False),
        ("mastered_english_words", "café", False),
        ("mastered_english_words", "你好", True),
        ("mastered_english_words", "T恤", True),
        ("mastered_english_words", "привет", True),
    ],
)
def test_a_word_of_another_script_goes_in_and_is_told_of(
    field: str, word: str, *, is_other: bool
) -> None:
    found = draft_profile(**{field: [word]})

    assert [text for _, text in found.words] == [word]
    assert rules(found) == ([(f"/3/{field}/0", Rule.OTHER_SCRIPT)] if is_other else [])


def test_an_entry_that_cannot_go_in_stays_out_alone() -> None:
    found = draft_profile(
        mastered_words=["你", 7, "好" * 201, None, ["再见"], "a\x1fb", "见" * 200, "\u200b"],
        mastered_grammar="a," + "b" * 501 + "," + "c" * 500,
    )

    assert found.words == (("zh", "你"), ("zh", "见" * 200))
    assert found.grammar == ("a", "c" * 500)
    assert rules(found) == [
        ("/3/mastered_words/1", Rule.NOT_TEXT),
        ("/3/mastered_words/2", Rule.TOO_LONG),
        ("/3/mastered_words/3", Rule.NOT_TEXT),
        ("/3/mastered_words/4", Rule.NOT_TEXT),
        ("/3/mastered_words/5", Rule.INVISIBLE),
        ("/3/mastered_words/7", Rule.INVISIBLE),
        ("/3/mastered_grammar", Rule.TOO_LONG),
    ]
    assert {flaw.action for flaw in found.flaws} == {Action.QUARANTINE_ENTRY}
    assert written(found)["mastered_words"] == ["你", "见" * 200]
    assert written(found)["mastered_grammar"] == "a," + "c" * 500


def test_an_empty_entry_and_a_comma_in_a_word_are_told_of() -> None:
    found = draft_profile(mastered_english_words="cat, , 1,000, ")

    assert [text for _, text in found.words] == ["cat", "1,000"]
    assert [rule for _, rule in rules(found)] == [
        Rule.EMPTY_ENTRY,
        Rule.EMPTY_ENTRY,
        Rule.COMMA_IN_WORD,
    ]
    assert written(found)["mastered_english_words"] == "cat, , 1,000, "


def test_rosters_may_be_texts_and_unknown_keys_are_kept() -> None:
    found = draft_profile(interests="cats, trains ,,", character_roster=None, colour={"a": [1]})

    assert found.row["interests"] == ["cats", "trains"]
    assert found.row["character_roster"] == []
    assert found.row["extra"] == {"colour": {"a": [1]}}


@pytest.mark.parametrize(
    ("fields", "flaw"),
    [
        ({"name": None}, ("/3/name", Rule.REQUIRED)),
        ({"name": " "}, ("/3/name", Rule.REQUIRED)),
        ({"name": 5}, ("/3/name", Rule.NOT_TEXT)),
        ({"name": "x" * 201}, ("/3/name", Rule.TOO_LONG)),
        ({"name": "a\nb"}, ("/3/name", Rule.INVISIBLE)),
        ({"id": "Anna"}, ("/3/id", Rule.NOT_A_SLUG)),
        ({"id": "anna\n"}, ("/3/id", Rule.NOT_A_SLUG)),
        ({"id": ""}, ("/3/id", Rule.NOT_A_SLUG)),
        ({"id": "x" * 65}, ("/3/id", Rule.NOT_A_SLUG)),
        ({"id": 7}, ("/3/id", Rule.NOT_TEXT)),
        ({"dob": 2015}, ("/3/dob", Rule.NOT_TEXT)),
        ({"mental_age": "7"}, ("/3/mental_age", Rule.NOT_A_NUMBER)),
        ({"mental_age": True}, ("/3/mental_age", Rule.NOT_A_NUMBER)),
        ({"mental_age": 2**53 + 1}, ("/3/mental_age", Rule.NUMBER_TOO_PRECISE)),
        ({"extracted_data": [1]}, ("/3/extracted_data", Rule.NOT_A_DOCUMENT)),
        ({"interests": {"a": 1}}, ("/3/interests", Rule.NOT_A_LIST)),
        ({"mastered_words": 5}, ("/3/mastered_words", Rule.NOT_A_LIST)),
        ({"mastered_grammar": {}}, ("/3/mastered_grammar", Rule.NOT_A_LIST)),
        ({"mastered_words": list(map(str, range(20_001)))}, ("/3", Rule.RECORD_TOO_LARGE)),
    ],
)
def test_a_profile_that_cannot_go_in_stays_out_whole(
    fields: dict[str, Any], flaw: tuple[str, Rule]
) -> None:
    found = draft_profile(**fields)

    assert found.is_refused
    assert flaw in rules(found)
    assert (found.row, found.words, found.profile_id) == ({}, (), None)


def test_all_flaws_of_a_record_are_told_at_once() -> None:
    found = draft_profile(name=None, dob=1, mastered_words=[1])

    assert [rule for _, rule in rules(found)] == [Rule.REQUIRED, Rule.NOT_TEXT, Rule.NOT_TEXT]


def test_profiles_without_id_get_one_of_their_name_that_is_free(tmp_path: Path) -> None:
    names = ["Anna", "anna", "ANNA!", "小明", "小红", "Zoë", "", None]
    write_array(
        tmp_path / "child_profiles.json",
        [{"id": None, "name": "Anna"}, *({"name": name} for name in names), {"id": "anna-2"}],
    )

    source = open_source(tmp_path)

    [file] = source.files
    made = [record.made_id for record in read_records(source, file)]
    assert made == [
        *("anna", "anna-3", "anna-4", "anna-5", "learner", "learner-2", "zoe"),
        *(None, None, None),
    ]
    assert source.profile_ids == {*made, "anna-2"} - {None}
    assert rules(draft(RecordKind.PROFILE, {"name": "Anna"}, made_id="anna-3")) == [
        ("/3/id", Rule.MADE_ID)
    ]


def test_each_profile_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    write_array(tmp_path / "profiles" / "b.json", [{"name": "Ben"}, {"name": "Eva"}])
    (tmp_path / "profiles" / "a.json").write_text(json.dumps(PROFILE))

    source = open_source(tmp_path)

    assert list(source.manifest) == ["profiles/a.json", "profiles/b.json"]
    records = [record for file in source.files for record in read_records(source, file)]
    assert [record.pointer for record in records] == ["", "/0", "/1"]
    assert [file.is_array for file in source.files] == [False, True]
    assert source.profile_ids == {"anna", "ben", "eva"}


# --- Cards and messages


@pytest.mark.parametrize(
    ("text", "time", "has_zone"),
    [
        ("2025-01-02T12:00:00Z", NOON, True),
        ("2025-01-02T13:00:00+01:00", NOON, True),
        ("2025-01-02 12:00:00.000007", NOON + timedelta(microseconds=7), False),
        ("2025-01-02T12:00:00.123456789", NOON + timedelta(microseconds=123456), False),
        ("2025-01-02", NOON - timedelta(hours=12), False),
    ],
)
def test_a_time_is_kept_in_utc(text: str, time: datetime, *, has_zone: bool) -> None:
    card = draft(RecordKind.CARD, {**CARD, "created_at": text})
    message = draft(RecordKind.MESSAGE, {**MESSAGE, "timestamp": text})

    assert [card.row["created_at"], card.row["approved_at"], message.row["timestamp"]] == [time] * 3
    assert {rule for _, rule in rules(card)} == (set() if has_zone else {Rule.NO_ZONE})
    assert written(message)["timestamp"] == text


def test_a_card_is_kept_whole() -> None:
    value = {**CARD, "tags": "a, b", "front": "<img>", "status": None, "created_at": None, "x": [1]}

    found = draft(RecordKind.CARD, value)

    assert found.row == {
        "card_type": "basic",
        "status": "approved",
        "content": value,
        "approved_at": None,
        "created_at": None,
    }
    assert (found.profile_id, found.source_id) == ("anna", "1")
    assert {rule for _, rule in rules(found)} == {Rule.NO_STATUS, Rule.NO_TIME}


@pytest.mark.parametrize(
    ("kind", "value", "flaw"),
    [
        (RecordKind.CARD, {"card_type": "image"}, ("/3/card_type", Rule.NOT_ALLOWED)),
        (RecordKind.CARD, {"card_type": None}, ("/3/card_type", Rule.REQUIRED)),
        (RecordKind.CARD, {"card_type": ["basic"]}, ("/3/card_type", Rule.NOT_TEXT)),
        (RecordKind.CARD, {"status": "done"}, ("/3/status", Rule.NOT_ALLOWED)),
        (RecordKind.CARD, {"status": 1}, ("/3/status", Rule.NOT_TEXT)),
        (RecordKind.CARD, {"id": None}, ("/3/id", Rule.REQUIRED)),
        (RecordKind.CARD, {"id": ""}, ("/3/id", Rule.REQUIRED)),
        (RecordKind.CARD, {"id": 1.5}, ("/3/id", Rule.NOT_TEXT)),
        (RecordKind.CARD, {"id": True}, ("/3/id", Rule.NOT_TEXT)),
        (RecordKind.CARD, {"created_at": "yesterday"}, ("/3/created_at", Rule.NOT_A_TIME)),
        (RecordKind.CARD, {"created_at": 1735819200}, ("/3/created_at", Rule.NOT_A_TIME)),
        (RecordKind.CARD, {"created_at": "0001-01-01T00+01"}, ("/3/created_at", Rule.NOT_A_TIME)),
        (RecordKind.CARD, {"created_at": "0999-12-31"}, ("/3/created_at", Rule.NOT_A_TIME)),
        (RecordKind.CARD, {"created_at": "2025-02-30"}, ("/3/created_at", Rule.NOT_A_TIME)),
        (RecordKind.MESSAGE, {"role": "robot"}, ("/3/role", Rule.NOT_ALLOWED)),
        (RecordKind.MESSAGE, {"content": None}, ("/3/content", Rule.REQUIRED)),
        (RecordKind.MESSAGE, {"content": ["a"]}, ("/3/content", Rule.NOT_TEXT)),
        (RecordKind.MESSAGE, {"timestamp": {}}, ("/3/timestamp", Rule.NOT_A_TIME)),
    ],
)  # fmt: skip
def test_a_card_or_message_that_cannot_go_in_stays_out_whole(
    kind: RecordKind, value: dict[str, Any], flaw: tuple[str, Rule]
) -> None:
    found = draft(kind, {**(CARD if kind is RecordKind.CARD else MESSAGE), **value})

    assert found.is_refused
    assert flaw in rules(found)


def test_a_message_is_kept_with_all_it_has() -> None:
    value = {**MESSAGE, "id": 17, "mentions": [{"a": 1}], "config": None, "liked": True}

    found = draft(RecordKind.MESSAGE, value)

    assert found.source_id == "17"
    assert found.row == {
        "role": "user",
        "content": "hi",
        "mentions": [{"a": 1}],
        "config": None,
        "extra": {"liked": True},
        "timestamp": datetime(2025, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(0))),
    }
