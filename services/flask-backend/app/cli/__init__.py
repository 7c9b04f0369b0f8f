"""The ``backend`` command: what an operator types. One file for each group of commands."""

import click

from app.cli.audit import audit
from app.cli.backup import backup
from app.cli.billing import billing
from app.cli.cache import cache
from app.cli.consents import consents
from app.cli.credits import credits as credits_group
from app.cli.database import database
from app.cli.doctor import doctor
from app.cli.edges import EXIT_CODES
from app.cli.importing import import_group
from app.cli.mail import mail
from app.cli.maintenance import maintenance
from app.cli.privacy import privacy
from app.cli.serve import serve
from app.cli.sync import sync
from app.cli.users import users


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="flask-backend")
def main() -> None:
    """Run and look after the Flask backend.

    Settings come from the environment; see docs/configuration.md.

    \b
    Example:
      backend db upgrade
      backend serve
    """


main.add_command(serve)
main.add_command(backup)
main.add_command(audit)
main.add_command(billing)
main.add_command(credits_group)
main.add_command(database)
main.add_command(consents)
main.add_command(doctor)
main.add_command(import_group)
main.add_command(mail)
main.add_command(privacy)
main.add_command(users)
main.add_command(sync)
main.add_command(cache)
main.add_command(maintenance)
