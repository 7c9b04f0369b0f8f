"""What a check has found: a state, a sentence for people, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        name: Of the check; stable and for programs.
        outcome: How it ended.
        sentence: What was found, for people. Never a secret.
        fix: What to do about it; empty where there is nothing to do.
    """

    name: str
    outcome: Outcome
    sentence: str
    fix: str = ""

    def without(self, secrets: Iterable[str]) -> "Finding":
        """Return the finding with each secret blotted out."""
        sentence, fix = self.sentence, self.fix
        for secret in secrets:
            sentence, fix = sentence.replace(secret, "***"), fix.replace(secret, "***")
        return replace(self, sentence=sentence, fix=fix)


def well(name: str, sentence: str) -> Finding:
    """Nothing is to be done."""
    return Finding(name, Outcome.OK, sentence)


def warn(name: str, sentence: str, fix: str) -> Finding:
    """The service works, and something should be mended."""
    return Finding(name, Outcome.WARNING, sentence, fix)


def wrong(name: str, sentence: str, fix: str) -> Finding:
    """The service does not work as it should."""
    return Finding(name, Outcome.PROBLEM, sentence, fix)


def skipped(name: str, sentence: str) -> Finding:
    """There is nothing to look at here."""
    return Finding(name, Outcome.SKIPPED, sentence)
