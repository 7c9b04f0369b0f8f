"""Whether a word is written as its language is. A guess, good for a notice and nothing else."""

import unicodedata
from functools import lru_cache
from typing import Final

_CHINESE: Final = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC NUMBER ZERO")


def is_of_language(word: str, language: str) -> bool:
    """Tell whether a Chinese word has a Chinese character, and an English one no other letters."""
    if language == "zh":
        return any(_name(character).startswith(_CHINESE) for character in word)
    return word.isascii() or all(
        _name(character).startswith("LATIN") for character in word if character.isalpha()
    )


@lru_cache(maxsize=4096)
def _name(character: str) -> str:
    return unicodedata.name(character, "")
