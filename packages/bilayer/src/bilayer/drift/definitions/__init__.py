"""PyDAL's definitions as source: where they stand, how they are written and mended."""
