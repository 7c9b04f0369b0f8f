"""Reading takes the memory of one record, however large the files are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.operations.importer.elements import MAX_RECORD_BYTES
from tests.support.learner_files import Sizes, make_cards, make_messages

MAX_MEGABYTES = 150
PROGRAM = """
import resource, sys
from pathlib import Path
from app.operations.importer.normalize import normalize
from app.operations.importer.reading import open_source, read_records

source = open_source(Path(sys.argv[1]))
drafts = (
    normalize(record, "anna") for file in source.files for record in read_records(source, file)
)
refused = sum(draft.is_refused for draft in drafts)
status = Path("/proc/self/status")
if status.exists():
    # Of this program alone; what getrusage tells includes whoever started it.
    kilobytes = int(status.read_text().partition("VmHWM:")[2].split()[0])
else:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(refused, kilobytes // 1024)
"""


@pytest.mark.slow
def test_large_files_and_large_records_fit_into_little_memory(tmp_path: Path) -> None:
    [card] = make_cards(Sizes(cards=1, image_bytes=1_500_000))
    [message] = make_messages(Sizes(messages=1))
    largest = {**message, "content": "好" * (MAX_RECORD_BYTES // 3 - 1000)}
    endless = {**message, "content": "x" * (40 * 2**20)}
    repeat(tmp_path / "approved_cards.json", [card], times=30)
    repeat(tmp_path / "chat_history.json", [message] * 1000 + [largest, endless], times=1)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True
    )

    refused, megabytes = map(int, done.stdout.split())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) > 100 * 10**6
    assert refused == 1
    assert megabytes < MAX_MEGABYTES


def repeat(path: Path, records: list[object], *, times: int) -> None:
    texts = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    with path.open("wb") as file:
        file.write(b"[")
        for number in range(times):
            file.write(b",\n" if number else b"")
            file.write(b",\n".join(texts))
        file.write(b"]")
