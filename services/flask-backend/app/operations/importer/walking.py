"""The records of a source, one after another, in the form of rows; and who is told of that."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.operations.importer.normalize import normalize
from app.operations.importer.one_file import Progress
from app.operations.importer.reading import read_records
from app.operations.importer.records import Draft, Source

_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told how far it is.

    Attributes:
        say: Takes a sentence.
        begin: Takes what is done next, and how many bytes that are; None: that is not known yet.
        progress: Takes how many bytes are done since it was called last.
    """

    say: Callable[[str], None] = lambda _: None
    begin: Callable[[str, int | None], None] = lambda _, __: None
    progress: Progress = lambda _: None


def walk_drafts(
    source: Source,
    profile_id: str | None,
    watching: Watching,
    *,
    what: str = "Comparing",
    done: Mapping[str, int] = _NOTHING,
) -> Iterator[Draft]:
    """Give the records of all files, in their order.

    Args:
        source: The files.
        profile_id: The learner of cards and messages.
        watching: Who is told how far it is.
        what: What is done with them.
        done: The last position of each file that is passed over, with all before it.
    """
    watching.begin(what, sum(file.bytes for file in source.files))
    for file in source.files:
        last = done.get(file.name, -1)
        for record in read_records(source, file, progress=watching.progress):
            if record.position > last:
                yield normalize(record, profile_id)
