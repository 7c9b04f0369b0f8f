"""The runtime layer: how the application reads and writes its database, through PyDAL."""
