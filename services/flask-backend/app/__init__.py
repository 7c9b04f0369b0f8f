"""The Flask backend: accounts, history and more, served as JSON."""
