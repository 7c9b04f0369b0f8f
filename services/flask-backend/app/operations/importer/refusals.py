"""Why an import does not begin, or does not go on: one sentence each."""


class Refused(Exception):
    """The import was asked for what cannot be done; nothing is half done. The message says why."""
