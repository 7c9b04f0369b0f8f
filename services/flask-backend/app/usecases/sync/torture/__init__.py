"""Many write at once, some read all the while: whether they see every change, and once."""
