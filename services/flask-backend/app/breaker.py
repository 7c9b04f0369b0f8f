"""When to stop asking what does not answer."""
