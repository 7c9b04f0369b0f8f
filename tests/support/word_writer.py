"""A process that adds words to a learner in files, one unit of work each. Run as a script.

    word_writer.py DATABASE_URL FOLDER USER_ID PREFIX COUNT

Prints each word when it is kept.
"""

import sys
from pathlib import Path
from uuid import UUID

from app.usecases.learning.current import use_store
from app.usecases.learning.mastery import Word, add_words
from app.usecases.learning.stores.files import FilesStore
from tests.support.service import connected, settings_for


def main(url: str, folder: str, user_id: str, prefix: str, count: str) -> None:
    """Add the words."""
    use_store(FilesStore(Path(folder)))
    with connected(settings_for(url, Path(folder))):
        for number in range(int(count)):
            add_words(UUID(user_id), "anna", [Word(f"{prefix}{number}", "en")])
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
