"""Fixes of schemas: what a difference asks for, as operations of a revision or SQL."""
