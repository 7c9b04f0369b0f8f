"""The HTTP edge: parse, call one use case, shape the answer. Holds no product rule."""
