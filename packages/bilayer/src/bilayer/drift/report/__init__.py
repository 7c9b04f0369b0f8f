"""The outcome of a check, and its forms for people and programs."""

from bilayer.drift.report.model import Described, Failure, Report

__all__ = ["Described", "Failure", "Report"]
