"""How each engine's connections are made: one module an engine, each with ``create_engine``."""
