"""``backend billing``: what Stripe told of, and what could not be worked off."""

from typing import Any, Final

import click

from app.cli.edges import EXIT_CODES, FAILED, MISUSED, answer, as_json, connected, end
from app.vocabulary import EventState

_MOST: Final = 1000


@click.group(epilog=EXIT_CODES)
def billing() -> None:
    """Look after payments: the events that Stripe sent.

    An event that could not be worked off is unmatched; docs/operations/billing.md says what to do.

    \b
    Example:
      backend billing events --state unmatched
    """


@billing.command(epilog=EXIT_CODES)
@click.argument("event")
@as_json
def replay(*, event: str, is_json: bool) -> None:
    """Work the unmatched EVENT off, once what was missing is there.

    An event that was worked off changes nothing. If it is unmatched still, the exit code is 1.

    \b
    Example:
      backend billing replay evt_1Q2w3E4r5T6y7U8i9O0p
    """
    from app.usecases.stripe_events import Outcome, replay_event  # noqa: PLC0415 - the whole runtime, for these commands only

    with connected() as settings:
        if not settings.has_stripe:
            end("STRIPE_SECRET_KEY must be set: it says whether money is real.", MISUSED)
        result = replay_event(event, is_live=settings.is_stripe_live)
    facts = {"event": event, "status": result.outcome.value, "reason": result.reason}
    sentences = {
        Outcome.PROCESSED: "Processed.",
        Outcome.ALREADY_PROCESSED: "It was processed before; nothing has changed.",
        Outcome.UNMATCHED: f"Still unmatched: {result.reason}.",
    }
    answer(is_json, facts, sentences[result.outcome])
    if result.outcome is Outcome.UNMATCHED:
        raise SystemExit(FAILED)


@billing.command(epilog=EXIT_CODES)
@click.option(
    "--state",
    type=click.Choice([state.value for state in EventState]),
    help="Only events in this state.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=20,
    show_default=True,
    help="How many at most.",
)
@as_json
def events(*, state: str | None, limit: int, is_json: bool) -> None:
    """List events, those that came last first.

    \b
    Example:
      backend billing events --state unmatched --json
    """
    from app.usecases.stripe_events import list_stripe_events  # noqa: PLC0415 - likewise

    with connected():
        rows = list_stripe_events(state=state, limit=limit)
    items = [_facts(row) for row in rows]
    answer(is_json, {"events": items}, "\n".join(map(_line, items)) or "There are none.")


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    times = ("created_at", "received_at", "processed_at")
    facts = {name: row[name] for name in ("event_id", "type", "livemode", "state", "reason")}
    facts |= {name: row[name] and row[name].isoformat() for name in times}
    return facts | {name: row[name] for name in ("attempts", "payload")}


def _line(facts: dict[str, Any]) -> str:
    words = (facts["received_at"], facts["event_id"], facts["type"], facts["state"])
    return "  ".join([*words, *filter(None, [facts["reason"]])])
