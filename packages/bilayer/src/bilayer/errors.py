"""The root of every error this library raises on purpose. Holds no behaviour."""


class BilayerError(Exception):
    """Something bilayer was asked to do could not be done; the message says what and where."""
