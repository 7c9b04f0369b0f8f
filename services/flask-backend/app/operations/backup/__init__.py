"""``backend backup``: backups that have been restored before anybody needs them.

A backup is a folder: ``manifest.json``, which says what is in it, and what the engine's own tool
has written of one snapshot. Making, verifying and restoring one are files of their own. Prints
nothing and reads no setting: ``app.cli.backup`` does.
"""
