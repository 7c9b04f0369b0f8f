"""``backend sync``: what an operator does about the copies on people's devices."""

import click

from app.cli.balances import plain
from app.cli.edges import EXIT_CODES, answer, as_json, connected
from app.cli.torture import torture


@click.group(epilog=EXIT_CODES)
def sync() -> None:
    """Look after the copies on people's devices; see docs/operations/sync.md.

    \b
    Example:
      backend sync clients ada@example.com
      backend sync gc
    """


sync.add_command(torture)


@sync.command(epilog=EXIT_CODES)
@as_json
def gc(*, is_json: bool) -> None:
    """Remove for good what devices need to hear of no more, while they pull and push.

    Rows deleted a month ago of which all devices have heard that came within 90 days; results of
    changes sent 90 days ago; devices that stay away for a year. `backend maintenance run` does it.

    \b
    Example:
      backend sync gc --json
    """
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases.sync import collection  # noqa: PLC0415 - likewise

    with connected():
        at = clock.now()
        facts = {
            "tombstones": sum(collection.collect_tombstones(at)),
            "mutations": sum(collection.collect_mutations(at)),
            "clients": sum(collection.collect_clients(at)),
        }
    sentence = (
        f"Removed {facts['tombstones']} deleted rows, {facts['mutations']} results of changes and"
        f" {facts['clients']} devices."
    )
    answer(is_json, facts, sentence)


@sync.command(epilog=EXIT_CODES)
@as_json
def new_epoch(*, is_json: bool) -> None:
    """Make every device fetch everything anew: after a restore from a backup, before it serves.

    Devices may have what the backup has not. Each is told so when it comes next, fetches what there
    is, and then sends what it had not sent yet. Nothing else changes.

    \b
    Example:
      backend sync new-epoch
    """
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases.sync.numbering import begin_epoch  # noqa: PLC0415 - likewise

    with connected():
        epoch, accounts = begin_epoch(at=clock.now())
    sentence = (
        f"The epoch is {epoch} now. The devices of {accounts} accounts fetch everything when they"
        " come next, and then send what they had not sent yet."
    )
    answer(is_json, {"epoch": str(epoch), "accounts": accounts}, sentence)


@sync.command(epilog=EXIT_CODES)
@click.argument("user")
@as_json
def clients(*, user: str, is_json: bool) -> None:
    """Show the devices of USER, an id or an e-mail, and how much each is known to have.

    \b
    Example:
      backend sync clients ada@example.com --json
    """
    from app.models import get_head  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases.statements import require_account  # noqa: PLC0415 - likewise
    from app.usecases.sync.clients import list_clients  # noqa: PLC0415 - likewise

    with connected():
        user_id = require_account(user)["id"]
        found = [plain(one) for one in list_clients(user_id)]
        head = plain(get_head(user_id) or {"version": 0, "floor": 0, "epoch": None})
    lines = [f"{user_id}: version {head['version']}, collected up to {head['floor']}"]
    for one in found:
        state = f"revoked {one['revoked_at']}" if one["revoked_at"] else "may come"
        behind = "" if one["epoch"] == head["epoch"] else ", of an epoch before"
        lines.append(
            f"{one['client_id']} {(one['name'] or '')!r}: has {one['acked_version']}{behind},"
            f" seen {one['last_seen_at']}, {state}"
        )
    facts = {name: head[name] for name in ("version", "floor", "epoch")}
    items = [{name: one[name] for name in one if name != "user_id"} for one in found]
    answer(is_json, {"user_id": str(user_id), **facts, "clients": items}, "\n".join(lines))


@sync.command(epilog=EXIT_CODES)
@as_json
def number(*, is_json: bool) -> None:
    """Give rows a version that have none: once, when the last process of an older release is gone.

    A release that knows nothing of versions writes rows without one, which no device would get.

    \b
    Example:
      backend sync number
    """
    from app.usecases.sync.numbering import number_unnumbered  # noqa: PLC0415 - likewise

    with connected():
        count = sum(number_unnumbered())
    answer(is_json, {"numbered": count}, f"Gave {count} rows a version.")
