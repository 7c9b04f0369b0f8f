"""Bringing learners in from JSON files: what the files hold, and what becomes of it."""
