"""Files of learners as the system they come from writes them, in any size, the same every time."""

import base64
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

CARD_TYPES: Final = ("basic", "basic_reverse", "cloze", "interactive_cloze")
STATUSES: Final = ("pending", "approved", "synced")
_START: Final = datetime(2025, 3, 1, 8, tzinfo=UTC)
_LATIN: Final = "abcdefghijklmnopqrstuvwxyz"
_WORD_CHARACTERS: Final = 6
_LEVELS: Final = ("A1", "A2", "B1")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is in the files.

    Attributes:
        profiles: How many learners.
        words: How many words each list of words has, repeats included.
        grammar: How many URIs each learner has.
        cards: How many cards.
        image_bytes: How long the picture on each card is, before it is text.
        messages: How many messages.
        message_characters: How long each is, about.
    """

    profiles: int = 2
    words: int = 40
    grammar: int = 12
    cards: int = 8
    image_bytes: int = 300
    messages: int = 12
    message_characters: int = 60


SMALL: Final = Sizes()
REAL: Final = Sizes(
    profiles=1,
    words=5300,
    grammar=180,
    cards=237,
    image_bytes=101_000,
    messages=5200,
    message_characters=1200,
)
"""As large as the files of the real system: 32 MB of cards, 11 MB of messages."""


def write_folder(folder: Path, sizes: Sizes = SMALL, *, seed: int = 1) -> Path:
    """Write the three files, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_array(folder / "child_profiles.json", make_profiles(sizes, seed=seed))
    write_array(folder / "approved_cards.json", make_cards(sizes, seed=seed))
    write_array(folder / "chat_history.json", make_messages(sizes, seed=seed))
    return folder


def write_array(path: Path, records: Iterable[Any]) -> None:
    """Write records as one array, one at a time, so that a file may be of any size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, record in enumerate(records):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(record, ensure_ascii=number % 2 == 1, indent=2))
        file.write("\n]\n")


def make_profiles(sizes: Sizes = SMALL, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Give learners: the lists of every second one are arrays, those of the others are texts."""
    chance = random.Random(f"profiles {seed}")
    for number in range(sizes.profiles):
        chinese = _words(chance, sizes.words, _chinese_word, stray=_english_word)
        english = _words(chance, sizes.words, _english_word, stray=_chinese_word)
        grammar = _repeat(chance, [_uri(chance, item) for item in range(sizes.grammar)])
        is_text = number % 2 == 0
        yield {
            "id": None if is_text else f"learner_{number}",
            "name": f"Anna Müller {number}",
            "dob": "2016-04-0" + str(number % 9 + 1),
            "gender": "girl",
            "address": None,
            "school": "Grundschule am Fluß",
            "neighborhood": "",
            "interests": ["dinosaurs", "火车", "drawing"],
            "character_roster": ["Peppa", "孙悟空"],
            "verbal_fluency": "short sentences",
            "passive_language_level": chance.choice(_LEVELS),
            **({"mental_age": 7.5} if is_text else {}),
            "raw_input": "She likes trains.\nAnd “quotes”.",
            "extracted_data": {"goals": [{"text": "read", "weight": 0.25}], "notes": None},
            "mastered_words": ", ".join(chinese) if is_text else chinese,
            "mastered_english_words": ", ".join(english) if is_text else english,
            "mastered_grammar": ",".join(grammar) if is_text else grammar,
            "favourite_colour": "grün",
            "settings": {"voice": "f2", "speed": 1.25, "beta": False},
        }


def make_cards(sizes: Sizes = SMALL, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Give cards with pictures in them."""
    chance = random.Random(f"cards {seed}")
    for number in range(sizes.cards):
        picture = base64.b64encode(chance.randbytes(sizes.image_bytes)).decode()
        card_type = CARD_TYPES[number % len(CARD_TYPES)]
        is_cloze = "cloze" in card_type
        yield {
            "id": f"card-{seed}-{number}",
            "card_type": card_type,
            "front": f'<img src="data:image/jpeg;base64,{picture}"> {_chinese_word(chance)}',
            "back": f"{_english_word(chance)} \\ “{_chinese_word(chance)}”",
            **({"text_field": "他{{c1::在}}家", "extra_field": None} if is_cloze else {}),
            "tags": ["noun", "家"] if number % 3 else "noun, 家",
            "status": STATUSES[number % len(STATUSES)],
            "created_at": _time(number, naive=number % 2 == 0),
            "prompt_template": {"model": "m-1", "temperature": 0.7, "steps": [1, 2, 3]},
        }


def make_messages(sizes: Sizes = SMALL, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Give messages of a conversation."""
    chance = random.Random(f"messages {seed}")
    pool = [make(chance) for make in (_chinese_word, _english_word) for _ in range(400)]
    for number in range(sizes.messages):
        words = _sentence(pool, chance, sizes.message_characters)
        yield {
            "id": f"{_START.timestamp():.0f}{seed}{number:06}",
            "role": "assistant" if number % 2 else "user",
            "content": f'{words}\n\t🐲 "{number}"',
            "timestamp": _time(number, naive=number % 3 == 0),
            "mentions": [{"type": "card", "id": f"card-{seed}-{number}"}]
            if number % 4 == 0
            else [],
            **({"config": {"template": None, "count": number}} if number % 2 else {}),
            **({"liked": True} if number % 5 == 0 else {}),
        }


def _words(chance: random.Random, count: int, make: Any, *, stray: Any) -> list[str]:
    """Make words of which some are repeated and some are of another script."""
    words = [(stray if number % 50 == 7 else make)(chance) for number in range(count)]
    return _repeat(chance, words)


def _repeat(chance: random.Random, entries: list[str]) -> list[str]:
    for number in range(10, len(entries), 10):
        entries[number] = entries[chance.randrange(number)]
    return entries


def _chinese_word(chance: random.Random) -> str:
    return "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(chance.randint(1, 4)))


def _english_word(chance: random.Random) -> str:
    word = "".join(chance.choices(_LATIN, k=chance.randint(3, 10)))
    return chance.choice((word, word, f"{word} up", f"{word}'s"))


def _uri(chance: random.Random, number: int) -> str:
    name = quote(_chinese_word(chance) + ", " + _english_word(chance), safe="")
    return f"http://grammar.example.com/instance/grammar#{name}_{number}"


def _sentence(pool: list[str], chance: random.Random, characters: int) -> str:
    return " ".join(chance.choices(pool, k=1 + characters // _WORD_CHARACTERS))


def _time(number: int, *, naive: bool) -> str:
    moment = _START + timedelta(minutes=number, microseconds=number * 7)
    return moment.replace(tzinfo=None).isoformat() if naive else moment.isoformat()
