"""The rows of one database copied into another as they are, of any two engines, and compared.

Nothing is audited, numbered or stamped on the way. The database that is copied is only read.
"""

from app.operations.transfer.comparing import Comparison, Difference, compare_tables
from app.operations.transfer.copying import copy_tables
from app.operations.transfer.ends import open_from, open_to, require_two
from app.operations.transfer.news import News
from app.operations.transfer.refusals import EndRefused, TransferError

__all__ = [
    "Comparison",
    "Difference",
    "EndRefused",
    "News",
    "TransferError",
    "compare_tables",
    "copy_tables",
    "open_from",
    "open_to",
    "require_two",
]
