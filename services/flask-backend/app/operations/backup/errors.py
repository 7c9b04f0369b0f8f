"""What can go wrong with a backup, as a sentence that says what to do."""


class BackupError(Exception):
    """A backup cannot be made, is not what it should be, or cannot be restored here."""


class Broken(BackupError):
    """What is in the folder is not what was put there."""
