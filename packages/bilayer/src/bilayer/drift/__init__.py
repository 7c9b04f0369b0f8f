"""The drift check: finds every difference between models, migrations, PyDAL and a database.

Imports nothing: the child that replays migrations needs a small part of it, and soon.
"""
