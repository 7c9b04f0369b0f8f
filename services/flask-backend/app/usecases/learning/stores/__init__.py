"""What keeps the rows of learning: one module for each ``Store``."""
