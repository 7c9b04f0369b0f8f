"""``backend users``: the accounts an operator makes."""

import secrets
from pathlib import Path

import click

from app.cli.edges import EXIT_CODES, answer, as_json, end, require_settings, told
from app.errors import Conflict


@click.group(epilog=EXIT_CODES)
def users() -> None:
    """Look after accounts.

    \b
    Example:
      backend users create-admin --email admin@example.com
    """


@users.command("create-admin", epilog=EXIT_CODES)
@click.option("--email", required=True, help="The new account's address.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the password. Without it one is made up and printed, once.",
)
@click.option("--if-none", is_flag=True, help="Do nothing, successfully, if there is an admin.")
@as_json
def create_admin(*, email: str, password_file: Path | None, if_none: bool, is_json: bool) -> None:
    """Create an account that may do everything.

    \b
    Example:
      backend users create-admin --email admin@example.com
    """
    from app.models import close_db, init_db  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases import accounts  # noqa: PLC0415 - likewise

    given = _read_password(password_file) if password_file else None
    password = given or secrets.token_urlsafe(18)
    init_db(require_settings())
    user = None
    with told():
        try:
            if not (if_none and accounts.count_admins()):
                user = accounts.create_admin(email=email, password=password)
        except Conflict:
            if not if_none:
                raise
            # Another command may have been first, with this very address.
            if not accounts.count_admins():
                end(f"{email} is taken by an account that is no administrator; choose another one.")
        finally:
            close_db()
    if user is None:
        answer(is_json, {"created": False}, "There is an admin already.")
        return
    facts = {"created": True, "id": str(user["id"]), "email": user["email"]}
    shown = {} if given else {"password": password}
    lines = [f"Created the admin {user['email']}."]
    lines += [] if given else [f"Password, shown only here: {password}"]
    answer(is_json, facts | shown, "\n".join(lines))


def _read_password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        end(f"{path} cannot be read: {type(error).__name__}")
