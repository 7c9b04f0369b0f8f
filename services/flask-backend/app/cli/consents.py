"""``backend consents``: the texts that people are asked to agree to."""

from datetime import datetime
from pathlib import Path

import click

from app.cli.edges import EXIT_CODES, answer, as_json, end, require_settings, told


def _read_time(text: str) -> datetime:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - for one option only

    from app.api.fields import Timestamp  # noqa: PLC0415 - likewise

    try:
        moment: datetime = TypeAdapter(Timestamp).validate_python(text)
    except ValidationError as error:
        raise click.BadParameter(error.errors()[0]["msg"]) from None
    return moment


@click.group(epilog=EXIT_CODES)
def consents() -> None:
    """Publish the texts that people are asked to agree to.

    While a version of "terms" is in force, whoever has not accepted it cannot use the product. A
    text that was published is never changed and never deleted: it is what people agreed to.

    \b
    Example:
      backend consents publish terms 2026-11 --language en --file terms.md
      backend consents documents
    """


@consents.command(epilog=EXIT_CODES)
@click.argument("document")
@click.argument("version")
@click.option("--language", required=True, help="In which language the text is: en, pt-BR.")
@click.option(
    "--file",
    "path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The text, in UTF-8.",
)
@click.option(
    "--effective-at",
    type=_read_time,
    metavar="TIME",
    help="When the version comes into force: 2026-12-01T00:00:00Z. At once if not given.",
)
@as_json
def publish(
    *,
    document: str,
    version: str,
    language: str,
    path: Path,
    effective_at: datetime | None,
    is_json: bool,
) -> None:
    """Publish one text: VERSION of DOCUMENT in one language.

    The same text again changes nothing. Another text needs another VERSION. All languages of a
    version come into force at one time: publish them before it.

    \b
    Example:
      backend consents publish terms 2026-12 --language en --file terms.en.md \\
        --effective-at 2026-12-01T00:00:00Z
    """
    from app.models import close_db, init_db  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases import publishing  # noqa: PLC0415 - likewise

    body = _read_text(path)
    init_db(require_settings())
    with told():
        try:
            row, is_new = publishing.publish(
                document, version, language, body=body, effective_at=effective_at
            )
        finally:
            close_db()
    begins = row["effective_at"].isoformat()
    text = f"{document} {version} in {language}, in force from {begins}, sha256 {row['sha256']}"
    names = ("document", "version", "language", "sha256")
    facts = {"published": is_new, **{name: row[name] for name in names}, "effective_at": begins}
    answer(is_json, facts, f"Published {text}." if is_new else f"Was published before: {text}.")


@consents.command(epilog=EXIT_CODES)
@as_json
def documents(*, is_json: bool) -> None:
    """List what was published, and what is in force (marked *).

    \b
    Example:
      backend consents documents
    """
    from app.models import close_db, init_db  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases import terms  # noqa: PLC0415 - likewise

    init_db(require_settings())
    with told():
        try:
            rows = terms.list_documents()
        finally:
            close_db()
    times = ("effective_at", "created_at")
    facts = [row | {name: row[name].isoformat() for name in times} for row in rows]
    lines = [
        f"{'*' if row['is_in_force'] else ' '} {row['document']} {row['version']}"
        f" {row['language']}  from {row['effective_at']}  {row['sha256']}"
        for row in facts
    ]
    answer(is_json, {"documents": facts}, "\n".join(lines) or "Nothing was published yet.")


def _read_text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        end(f"{path} cannot be read: {type(error).__name__}")
    except UnicodeDecodeError as error:
        end(f"{path} is not UTF-8: see byte {error.start}.")
    if text.startswith("\ufeff"):
        end(f"{path} begins with a byte order mark; save it without.")
    return text
