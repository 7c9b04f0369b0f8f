"""Learners, and what they have learned: the product rules, whatever keeps the rows."""
