"""Bodies and answers of several routes, as pydantic models. Those of one stand beside it."""
