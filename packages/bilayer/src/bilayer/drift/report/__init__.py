"""The outcome of a check, and its forms for people and programs."""

from bilayer.drift.report.model import Failure, Report

__all__ = ["Failure", "Report"]
