"""`bilayer lint`: what a revision would lock, break or lose, judged before it runs.

Revisions are run in an empty scratch database, or only asked for their statements where there is
no server for that; what they do is recorded as ``Step``s, and rules look at nothing else.

Imports nothing: the child that runs the revisions needs a small part of it, and soon.
"""
