"""Files that are not what they must be: one clear sentence each, and never a part of them."""

import json
import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.operations.importer.elements import MAX_RECORD_BYTES
from app.operations.importer.export import write_out
from app.operations.importer.normalize import normalize
from app.operations.importer.reading import open_source, read_records
from app.operations.importer.records import Record, Rule, UnreadableSource
from tests.support.learner_files import Sizes, make_cards, make_messages, make_profiles, write_array

CARDS = "approved_cards.json"
CHAT = "chat_history.json"
PROFILES = "child_profiles.json"
SAMPLE = Sizes(profiles=2, words=4, grammar=2, cards=2, image_bytes=20, messages=3)
_NOBODY = 65534


def read_all(folder: Path) -> list[Record]:
    source = open_source(folder)
    return [record for file in source.files for record in read_records(source, file)]


def refusal_of(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    with pytest.raises(UnreadableSource) as refused:
        open_source(folder)
    assert refused.value.file == name
    assert "\n" not in str(refused.value)
    return str(refused.value)


def only_record(folder: Path, content: bytes) -> Record:
    (folder / CARDS).write_bytes(b"[" + content + b"]")
    [record] = read_all(folder)
    return record


def flaws_of(record: Record) -> list[tuple[str, Rule]]:
    assert record.value is None or not isinstance(record.value, dict)
    return [(flaw.pointer, flaw.rule) for flaw in record.flaws]


# --- Whole or not at all


@pytest.mark.parametrize(
    ("name", "records"),
    [
        (PROFILES, list(make_profiles(SAMPLE))),
        (CARDS, list(make_cards(SAMPLE))),
        (CHAT, list(make_messages(SAMPLE))),
    ],
)
def test_a_file_cut_at_any_byte_is_read_whole_or_not_at_all(
    tmp_path: Path, name: str, records: list[Any]
) -> None:
    path = tmp_path / name
    write_array(path, records)
    whole = path.read_bytes()

    for length in reversed(range(len(whole))):
        os.truncate(path, length)
        try:
            found = [record.value for record in read_all(tmp_path)]
        except UnreadableSource:
            continue
        # Nothing but the line break behind the end is missing.
        assert (found, length) == (records, len(whole) - 1)


def test_a_file_of_one_object_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    path = tmp_path / "profiles" / "anna.json"
    [profile] = make_profiles(Sizes(profiles=1, words=3, grammar=1))
    path.write_bytes(json.dumps(profile).encode())
    [record] = read_all(tmp_path)

    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(UnreadableSource):
            open_source(tmp_path)

    assert record.value == profile


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"hello", "is neither an array nor an object"),
        (b"12", "is neither an array nor an object"),
        (b"<html>", "is neither an array nor an object"),
        (b"\x1f\x8b\x08binary", "is neither an array nor an object"),
        (b"[{}", "ends too early, at byte 3"),
        (b"[{},", "ends too early, at byte 4"),
        (b"[", "ends too early, at byte 1"),
        (b'[{"a": "b', "ends too early, at byte 9"),
        (b'[{"a": "b\\', "ends too early, at byte 10"),
        (b"[{}]]", "goes on behind its end, at byte 4"),
        (b"[{}] {}", "goes on behind its end, at byte 5"),
        (b"[{},]", "is not JSON: unexpected ']' at byte 4"),
        (b"[,{}]", "is not JSON: unexpected ',' at byte 1"),
        (b"[{} {}]", "is not JSON: unexpected '{' at byte 4"),
        (b"[{}}", "is not JSON: unexpected '}' at byte 3"),
        (b'[{"a": 1]}]', "is not JSON: Expecting ',' delimiter at byte 8"),
        (b"[{'a': 1}]", "is not JSON: Expecting property name enclosed in double quotes at byte 2"),
        (b'[{"a": 01}]', "is not JSON: Expecting ',' delimiter at byte 8"),
        (b'[{"\xc3\xa9": x}]', "is not JSON: Expecting value at byte 8"),
        (b"[nul]", "is not JSON: Expecting value at byte 1"),
        (b'[{"a": NaN}]', "is not JSON: NaN in the record that begins at byte 1"),
        (b'[{}, {"a": -Infinity}]', "is not JSON: -Infinity in the record that begins at byte 5"),
        (b'[{"a": "\x00"}]', "is not JSON: Invalid control character at byte 8"),
        (b"[{}\x00]", "is not UTF-8; it looks like UTF-16 or UTF-32"),
        (b"[{}, \x00]", "is not JSON: Expecting value at byte 5"),
        (b'[{"a": "\n"}]', "is not JSON: Invalid control character at byte 8"),
        (b'[{"a": "Mu\xfcller"}]', "is not UTF-8: byte 0xFC at byte 10"),
        (b'[{"a": "\xed\xa0\x80"}]', "is not UTF-8: byte 0xED at byte 8"),
        (b'[{"a": "\xc0\xaf"}]', "is not UTF-8: byte 0xC0 at byte 8"),
        ('[{"a": 1}]'.encode("utf-16"), "is not UTF-8; it looks like UTF-16 or UTF-32"),
        ('[{"a": 1}]'.encode("utf-16-be"), "is not UTF-8; it looks like UTF-16 or UTF-32"),
        ('[{"a": 1}]'.encode("utf-32-le"), "is not UTF-8; it looks like UTF-16 or UTF-32"),
        (b"{}", "is one object; it must be an array of them"),
    ],
)
def test_what_is_not_an_array_in_utf_8_is_refused_by_name_and_place(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    assert refusal_of(tmp_path, CARDS, content) == f"{CARDS} {reason}"


def test_one_bad_file_keeps_the_good_ones_out_too(tmp_path: Path) -> None:
    write_array(tmp_path / PROFILES, make_profiles())

    assert refusal_of(tmp_path, CHAT, b"[{}").startswith(CHAT)


def test_a_byte_order_mark_of_utf_8_is_accepted(tmp_path: Path) -> None:
    (tmp_path / CHAT).write_bytes(b"\xef\xbb\xbf" + b'[{"id": "1"}]')

    [record] = read_all(tmp_path)

    assert record.value == {"id": "1"}


# --- Records that are JSON, and that no database keeps as they stand


@pytest.mark.parametrize(
    ("content", "flaws"),
    [
        (rb'{"a": [1, "x\u0000"]}', [("/0/a/1", Rule.NUL_CHARACTER)]),
        (rb'{"a\u0000": 1}', [("/0", Rule.NUL_CHARACTER)]),
        (rb'{"a": "\ud83d"}', [("/0/a", Rule.LONE_SURROGATE)]),
        (rb'{"a": "\ude00\ud83d"}', [("/0/a", Rule.LONE_SURROGATE)]),
        (rb'{"\udc00": 1}', [("/0", Rule.LONE_SURROGATE)]),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', [("/0/b", Rule.REPEATED_KEY)]),
        (rb'{"a": 1, "\u0061": 2}', [("/0", Rule.REPEATED_KEY)]),
        (b'{"a/b~c": 1e400}', [("/0/a~1b~0c", Rule.NUMBER_TOO_LARGE)]),
        (b'{"a": -1e400, "b": 1%s}' % (b"0" * 400), [
            ("/0/a", Rule.NUMBER_TOO_LARGE),
            ("/0/b", Rule.NUMBER_TOO_LARGE),
        ]),
        (b'{"a": 9223372036854775808}', [("/0/a", Rule.NUMBER_TOO_LARGE)]),
        (b'{"a": -9223372036854775809}', [("/0/a", Rule.NUMBER_TOO_LARGE)]),
        (b'{"a": %s}' % (b"9" * 100_000), [("/0/a", Rule.NUMBER_TOO_LARGE)]),
        (b'{"a": 0.1234567890123456789}', [("/0/a", Rule.NUMBER_TOO_PRECISE)]),
        (b'{"a": 1e-400}', [("/0/a", Rule.NUMBER_TOO_PRECISE)]),
        (b'{"a": 1e-99999999999999999999}', [("/0/a", Rule.NUMBER_TOO_PRECISE)]),
        (b'{"a": 1e99999999999999999999}', [("/0/a", Rule.NUMBER_TOO_LARGE)]),
        (b'{"%s": 1}' % (b"k" * 1001), [("/0", Rule.TOO_LONG)]),
        (b"[" * 32 + b"]" * 32, [("/0", Rule.TOO_DEEP)]),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, [("/0", Rule.TOO_DEEP)]),
        (b"[" * 100_000 + b"]" * 100_000, [("/0", Rule.TOO_DEEP)]),
        (b'{"a": "%s"}' % (b"x" * MAX_RECORD_BYTES), [("/0", Rule.RECORD_TOO_LARGE)]),
        (b"12", [("/0", Rule.NOT_AN_OBJECT)]),
        (b'"text"', [("/0", Rule.NOT_AN_OBJECT)]),
        (b"null", [("/0", Rule.NOT_AN_OBJECT)]),
        (b"[{}]", [("/0", Rule.NOT_AN_OBJECT)]),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_kept_is_named_with_pointer_and_rule(
    tmp_path: Path, content: bytes, flaws: list[tuple[str, Rule]]
) -> None:
    record = only_record(tmp_path, content)

    assert flaws_of(record) == flaws
    for flaw in record.flaws:
        assert len(flaw.value.encode()) < 1000


@pytest.mark.parametrize(
    "content",
    [
        rb'{"a": "\ud83d\ude00 \\u0000 \\ud800"}',
        b'{"a": [9223372036854775807, -9223372036854775808, 1.5e300, 1e22, 5e-324, 1.10, -0.0]}',
        b'{"%s": 1}' % (b"k" * 1000),
        b'{"a": ' + b"[" * 30 + b"]" * 30 + b"}",
        b'{"a": "%s"}' % (b"x" * (MAX_RECORD_BYTES - 9)),
        b'{"": "", "a": {"": {}}}',
    ],
)
def test_a_record_at_the_limits_is_kept(tmp_path: Path, content: bytes) -> None:
    record = only_record(tmp_path, content)

    assert record.value == json.loads(content)
    assert not record.flaws


def test_the_records_around_a_bad_one_are_read(tmp_path: Path) -> None:
    long = b'{"a": "%s\\"]}"}' % (b"x" * 2 * MAX_RECORD_BYTES)
    (tmp_path / CHAT).write_bytes(b'[{"id": "1"},' + long + b',{"id": "3", "id": 3},{"id": "4"}]')

    records = read_all(tmp_path)

    assert [record.value for record in records] == [{"id": "1"}, None, None, {"id": "4"}]
    assert [record.pointer for record in records] == ["/0", "/1", "/2", "/3"]


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    assert "ends too early" in refusal_of(tmp_path, CARDS, b"[" * 100_000)


# --- Things that are no plain files


def test_a_folder_without_any_of_the_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("[]")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "readme.txt").write_text("")

    with pytest.raises(UnreadableSource, match=r"^The folder has none of child_profiles\.json, "):
        open_source(tmp_path)


def test_profiles_in_both_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / PROFILES).write_text("[]")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "anna.json").write_text("{}")

    with pytest.raises(UnreadableSource, match=r"profiles/anna\.json are both there"):
        open_source(tmp_path)


def make_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text("[]")
    path.symlink_to(target)


def make_dangling_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_link, "is a symbolic link; give the file or folder itself"),
        (make_dangling_link, "is a symbolic link; give the file or folder itself"),
        (lambda path: path.mkdir(), "is not a plain file"),
        (os.mkfifo, "is not a plain file"),
        (make_socket, "is not a plain file"),
    ],
    ids=["link", "dangling link", "folder", "pipe", "socket"],
)
@pytest.mark.parametrize("name", [CARDS, "profiles/anna.json"])
def test_what_is_no_plain_file_is_refused_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    reason: str,
    name: str,
) -> None:
    (tmp_path / "profiles").mkdir()
    monkeypatch.chdir((tmp_path / name).parent)  # A socket's path is short.
    make(Path(Path(name).name))

    with pytest.raises(UnreadableSource) as refused:
        open_source(tmp_path)

    assert (refused.value.file, refused.value.reason) == (name, reason)


def test_a_device_is_refused(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / CARDS, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")

    with pytest.raises(UnreadableSource, match="is not a plain file"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", [".", "profiles"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    real, folder = tmp_path / "real", tmp_path / "given"
    (real / "profiles").mkdir(parents=True)
    (real / "profiles" / "anna.json").write_text("{}")
    if name == ".":
        folder.symlink_to(real)
    else:
        folder.mkdir()
        (folder / name).symlink_to(real / "profiles")

    with pytest.raises(UnreadableSource, match="is a symbolic link") as refused:
        open_source(folder)

    assert refused.value.file == name


@pytest.mark.parametrize("name", [".", "profiles"])
def test_a_file_where_a_folder_must_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "profiles").write_text("[]")

    with pytest.raises(UnreadableSource, match="is not a folder") as refused:
        open_source(tmp_path / "profiles" if name == "." else tmp_path)

    assert refused.value.file == name


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableSource, match=r"^The folder cannot be read: No such file or directory$"
    ):
        open_source(tmp_path / "nowhere")


@pytest.mark.parametrize("locked", [CARDS, "profiles", "."])
def test_what_may_not_be_read_is_refused(tmp_path: Path, locked: str) -> None:
    folder = tmp_path / "given"
    (folder / "profiles").mkdir(parents=True)
    (folder / "profiles" / "anna.json").write_text("{}")
    (folder / CARDS).write_text("[]")
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    (folder / locked).chmod(0)

    try:
        reason = as_nobody(folder)
    finally:
        (folder / locked).chmod(0o755)

    what = "The folder" if locked == "." else locked
    assert reason == f"{what} cannot be read: Permission denied"


def as_nobody(folder: Path) -> str:
    """Open a folder as somebody whom rights hold back, and return the refusal."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_open_as_nobody, args=(folder, theirs))
    process.start()
    reason: str = ours.recv()
    process.join()
    return reason


def _open_as_nobody(folder: Path, answer: Any) -> None:
    if os.geteuid() == 0:
        os.setuid(_NOBODY)
    try:
        open_source(folder)
    except UnreadableSource as refused:
        answer.send(str(refused))
    else:
        answer.send("read")


def test_a_name_that_no_report_can_show_is_refused(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "an\nna.json").write_text("{}")

    with pytest.raises(UnreadableSource, match="rename it"):
        open_source(tmp_path)


# --- Files that do not keep still


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / CHAT
    write_array(path, make_messages())

    def meddle(size: int) -> None:
        if size:
            with path.open("ab") as file:
                file.write(b"\n")

    with pytest.raises(UnreadableSource, match="was changed while it was read"):
        open_source(tmp_path, progress=meddle)


def test_a_file_that_is_cut_while_it_is_read_is_refused_for_that(tmp_path: Path) -> None:
    path = tmp_path / CHAT
    write_array(path, make_messages(Sizes(messages=400, message_characters=1000)))

    with pytest.raises(UnreadableSource, match="was changed while it was read"):
        open_source(tmp_path, progress=lambda _: os.truncate(path, 1))


def test_a_file_that_vanishes_before_it_is_read_is_refused(tmp_path: Path) -> None:
    write_array(tmp_path / CARDS, make_cards())
    write_array(tmp_path / CHAT, make_messages())

    with pytest.raises(UnreadableSource, match=f"^{CHAT} cannot be read: No such file"):
        open_source(tmp_path, progress=lambda _: (tmp_path / CHAT).unlink(missing_ok=True))


def test_a_file_that_is_another_than_the_one_opened_is_refused(tmp_path: Path) -> None:
    write_array(tmp_path / CHAT, make_messages())
    source = open_source(tmp_path)
    write_array(tmp_path / CHAT, make_messages(seed=2))

    with pytest.raises(UnreadableSource, match="is not what it was when it was opened"):
        list(read_records(source, source.files[0]))


# --- Anything at all

whole_files = st.sampled_from([
    (PROFILES, json.dumps(list(make_profiles(SAMPLE))).encode()),
    (CARDS, json.dumps(list(make_cards(SAMPLE)), ensure_ascii=False).encode()),
    (CHAT, json.dumps(list(make_messages(SAMPLE))).encode()),
])  # fmt: skip
pieces = st.binary(max_size=3) | st.sampled_from(
    [b"1e999", b"NaN", b"\\ud800", b"\\u0000", b'"', b"[[", b"}", b"null", b"\xff", b"-", b'"id":']
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=whole_files, edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), pieces)))
def test_no_file_makes_more_of_a_mess_than_to_be_refused(
    tmp_path: Path, file: tuple[str, bytes], edits: list[tuple[float, int, bytes]]
) -> None:
    name, content = file
    for share, removed, added in edits:
        place = int(share * len(content))
        content = content[:place] + added + content[place + removed :]
    for other in tmp_path.iterdir():
        other.unlink()
    (tmp_path / name).write_bytes(content)

    records, refusal = [], ""
    try:
        records = read_all(tmp_path)
    except UnreadableSource as refused:
        refusal = str(refused)
    assert refusal.isprintable()
    for record in records:
        draft = normalize(record, "anna")
        assert draft.flaws or draft.row
        assert all(told.value.encode() for told in (*draft.flaws, *draft.notices))
        if not draft.flaws:
            written = write_out(
                record.kind, draft.row, draft.original, words=draft.words, grammar=draft.grammar
            )
            assert written == record.value
