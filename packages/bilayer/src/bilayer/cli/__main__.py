"""``python -m bilayer.cli``."""

from bilayer.cli import main

main()
