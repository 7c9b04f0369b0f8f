"""Values written through one layer and read through the other, in a scratch database only."""

from bilayer.drift.values.checking import check_values

__all__ = ["check_values"]
