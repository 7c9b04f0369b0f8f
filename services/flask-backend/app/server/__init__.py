"""How the service is run: gunicorn, its settings, its worker."""
