"""The test suite. Its folders mirror the layers; helpers are in tests.support."""
