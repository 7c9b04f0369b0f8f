"""The models, one file per domain; each has a twin of the same name in ``app.dal.tables``."""
