"""The schema layer: what the database is. Nothing that serves a request imports it."""
