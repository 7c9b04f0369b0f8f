"""The drift check: finds every difference between models, migrations, PyDAL and a database."""

from bilayer.drift.checking import check
from bilayer.drift.findings import CATALOGUE, Finding
from bilayer.drift.report import Failure, Report

__all__ = ["CATALOGUE", "Failure", "Finding", "Report", "check"]
