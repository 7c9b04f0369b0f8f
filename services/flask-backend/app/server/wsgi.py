"""The application for any WSGI server: ``gunicorn app.server.wsgi:application``.

The only module that does work when it is imported, because that is what WSGI servers expect.
"""

from app import create_app

application = create_app()
