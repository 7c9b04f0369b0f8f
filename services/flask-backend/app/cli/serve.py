"""``backend serve``: the HTTP server."""

import click
import sqlalchemy as sa

from app.cli.edges import EXIT_CODES, require_settings, told
from app.config import Settings, get_settings, list_misspelt


@click.command(epilog=EXIT_CODES)
@click.option("--host", help="Address to listen on, instead of HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port, instead of PORT; 0: any free.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the API until SIGTERM or Ctrl-C. SIGHUP reads the files of secrets anew.

    \b
    Example:
      backend serve --host 0.0.0.0 --port 8080
    """
    from app.server.gunicorn import serve as serve_until_stopped  # noqa: PLC0415 - gunicorn and all of the service, for this command only
    from app.server.gunicorn import share_metrics  # noqa: PLC0415 - likewise

    share_metrics()
    from app.server.preflight import require_certificate, require_database  # noqa: PLC0415 - likewise

    chosen = {name: value for name, value in (("host", host), ("port", port)) if value is not None}

    def read_settings() -> Settings:
        get_settings.cache_clear()
        return get_settings().model_copy(update=chosen)

    for sentence in list_misspelt():
        click.echo(sentence, err=True)
    settings = require_settings().model_copy(update=chosen)
    with told():
        try:
            (require_database if settings.env == "prod" else require_certificate)(settings)
        except sa.exc.OperationalError:
            click.echo("The database does not answer; starting without it.", err=True)
    serve_until_stopped(settings, read_settings)
