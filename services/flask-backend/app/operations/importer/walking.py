"""The records of a source, one after another, in the form of rows; and who is told of that."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.operations.importer.normalize import normalize
from app.operations.importer.reading import read_records
from app.operations.importer.records import Draft, Source

_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told how far it is.

    Attributes:
        say: Takes a sentence.
        begin: Takes how many records there are.
        advance: Takes a file, and how many more records of it are done.
    """

    say: Callable[[str], None] = lambda _: None
    begin: Callable[[int], None] = lambda _: None
    advance: Callable[[str, int], None] = lambda _, __: None


def walk_drafts(
    source: Source,
    profile_id: str | None,
    watching: Watching,
    *,
    done: Mapping[str, int] = _NOTHING,
) -> Iterator[Draft]:
    """Give the records of all files, in their order.

    Args:
        source: The files.
        profile_id: The learner of cards and messages.
        watching: Who is told how far it is.
        done: The last position of each file that is passed over, with all before it.
    """
    watching.begin(sum(file.records for file in source.files))
    for file in source.files:
        last = done.get(file.name, -1)
        for record in read_records(source, file):
            if record.position > last:
                yield normalize(record, profile_id)
            watching.advance(file.name, 1)
