"""How long a migration may wait, hold and repeat. Holds no behaviour."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds.

    A statement that waits for a lock makes everybody who comes after it wait too; therefore it
    gives up soon and is tried again later, when the traffic has passed.

    Attributes:
        lock_timeout: How long a statement waits for the lock of a table.
        statement_timeout: How long a statement runs. Neither limit holds for ``CONCURRENTLY``
            and ``VALIDATE CONSTRAINT``, which block nobody.
        attempts: How often a revision is tried when it meets one of the two.
        pause: The first pause between two attempts; each one is up to twice as long as the last.
        longest_pause: No pause is longer.
        wait: How long to wait for another process that is migrating the same database.
    """

    lock_timeout: float = 3.0
    statement_timeout: float = 30.0
    attempts: int = 10
    pause: float = 0.5
    longest_pause: float = 10.0
    wait: float = 300.0
