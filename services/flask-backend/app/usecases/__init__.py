"""The rules of the product, one file per noun. Knows no HTTP, no SQL and no PyDAL."""
