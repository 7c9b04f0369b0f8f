"""The ``backend`` command: what an operator types. One file for each group of commands."""

import click

from app.cli.database import database
from app.cli.serve import serve
from app.cli.users import users


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flask-backend")
def main() -> None:
    """Run and look after the Flask backend.

    Settings come from the environment; see docs/configuration.md. Exit code 0: done. 1: it could
    not be done. 2: the command or a setting is wrong.
    """


main.add_command(serve)
main.add_command(database)
main.add_command(users)
