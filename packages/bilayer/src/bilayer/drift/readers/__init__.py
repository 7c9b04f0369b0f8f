"""One reader a source. They know nothing of each other."""
