"""The Flask backend. ``create_app`` puts the application together and opens nothing.

Its imports stand inside, so that ``alembic``, a shell and the commands can import a part of
``app`` without Flask and everything above it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the WSGI application.

    Args:
        settings: What the environment says, if None.

    Raises:
        SettingsError: The environment has settings that cannot be used.
    """
    # ruff: disable[PLC0415]
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app.api import (
        access,
        audit,
        auth,
        billing,
        cards,
        claims,
        consents,
        credentials,
        documents,
        encoding,
        errors,
        events,
        grammar,
        history,
        holds,
        learners,
        lifecycle,
        messages,
        preferences,
        privacy,
        probes,
        query_cache,
        sign_ins,
        sync,
        sync_clients,
        sync_push,
        users,
        webhooks,
        words,
    )
    from app.api import credits as credit_routes
    from app.api.allowances import ALLOWANCES, allowances_of
    from app.api.application import Application
    from app.api.cors import ALLOWED_ORIGINS
    from app.api.hosts import ALLOWED_HOSTS
    from app.api.limits import MAX_BODY_BYTES
    from app.api.shop import TILL, make_till
    from app.api.signing import SIGNING_KEYS, signing_keys
    from app.config import get_settings
    from app.health import BackupWatch, Health, probe_database
    from app.log import configure_logging
    from app.models import init_db
    from app.operations.storage import use_storage
    from app.usecases.cache_storage import set_bounds
    # ruff: enable[PLC0415]

    settings = settings or get_settings()
    configure_logging(settings.log_level)
    init_db(settings)
    use_storage(settings)
    set_bounds(max_bytes=settings.query_cache_max_bytes, copy_bytes=settings.query_cache_copy_bytes)

    app = Application("app", static_folder=None)
    app.json = encoding.JSONProvider(app)
    app.config[MAX_BODY_BYTES] = settings.max_body_bytes
    app.config[SIGNING_KEYS] = signing_keys(settings)
    app.config[ALLOWANCES] = allowances_of(settings)
    app.config[TILL] = make_till(settings)
    app.config[ALLOWED_HOSTS] = settings.allowed_hosts
    app.config[ALLOWED_ORIGINS] = frozenset(settings.allowed_origins)
    # A redirect to the tidy address would name whatever host the request names.
    app.url_map.merge_slashes = False
    app.extensions[probes.HEALTH] = Health(probe_database, BackupWatch(settings.backup_max_age))

    errors.register_errors(app)
    lifecycle.register_lifecycle(app)
    events.register_events(app)
    modules = (
        auth,
        credentials,
        sign_ins,
        users,
        preferences,
        privacy,
        history,
        learners,
        words,
        grammar,
        cards,
        messages,
        sync,
        sync_clients,
        sync_push,
        consents,
        credit_routes,
        holds,
        claims,
        query_cache,
        billing,
        webhooks,
        audit,
        probes,
    )
    blueprints = [module.blueprint for module in modules]
    if settings.has_docs:
        app.extensions[documents.DESCRIPTION] = documents.Description(blueprints)
        blueprints.append(documents.blueprint)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    access.require_declarations(app)

    if hops := settings.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # how Flask documents it
    return app
