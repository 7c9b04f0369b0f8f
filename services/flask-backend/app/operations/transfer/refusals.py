"""Why a copy was not made, or not to its end."""

from bilayer.errors import BilayerError


class TransferError(BilayerError):
    """A row could not be copied; what was written before stays, and the copy can go on."""


class EndRefused(TransferError):
    """One of the two databases is not what it would have to be; nothing was written."""
