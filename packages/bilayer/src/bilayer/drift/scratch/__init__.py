"""Scratch databases: made, lent, and gone after any end of the process that made them."""
