"""The outside world, one file for each part of it. Knows no product rule and no database."""
