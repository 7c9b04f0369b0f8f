"""The comparison: pure functions from two snapshots to differences. Imports no database library."""
