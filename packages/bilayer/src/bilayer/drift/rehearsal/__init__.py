"""`bilayer rehearse`: each revision run up, down and up again, on made-up rows, before it is real.

Revisions run one by one in a confined child (``player``), in scratch databases (``stage``) that
get rows made by type (``filling``). What happened is judged in ``trial``; what a revision costs on
large tables is measured in ``cost``.

Imports nothing: the child that runs the revisions needs a small part of it, and soon.
"""
