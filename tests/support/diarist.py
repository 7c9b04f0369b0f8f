"""A device that is used without a pause, until it is killed. Run as a script.

Arguments: the store's file, the API's base URL, a token. It says what it is about to do to which
row, and that it is done; `-` is a deletion.
"""

import random
import sys

from offline_store import HttpTransport, Store


def write(path: str, base_url: str, token: str) -> None:
    """Make, change and delete actions, and sync now and then."""
    transport = HttpTransport(base_url, lambda: token)
    with Store(path, client_id="diary", page_size=3) as store:
        mine = [row.id for row in store.list("history")]
        for number in range(10_000):
            _act(store, mine, f"{len(mine)}.{number}")
            if random.random() < 0.2:
                store.sync(transport)


def _act(store: Store, mine: list[str], text: str) -> None:
    fields = {"action_type": "NOTE", "payload": {"text": text}}
    choice = random.random()
    if choice < 0.5 or not mine:
        mine.append(store.put("history", fields))
        _say("did", mine[-1], text)
    elif choice < 0.9:
        _say("try", mine[-1], text)
        store.change("history", mine[-1], **fields)
        _say("did", mine[-1], text)
    else:
        gone = mine.pop(random.randrange(len(mine)))
        _say("try", gone, "-")
        store.delete("history", gone)
        _say("did", gone, "-")


def _say(*words: str) -> None:
    sys.stdout.write(f"{' '.join(words)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    write(*sys.argv[1:])
