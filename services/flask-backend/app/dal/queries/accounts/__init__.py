"""The queries of accounts, one file per table. Holds no rule about who may call them."""
