#!/bin/sh
# What the container does: migrate as the role that owns the tables, forget that role, serve.
#
#   entrypoint.sh serve             the three of them
#   entrypoint.sh migrate           the first of them, for a container of its own
#   entrypoint.sh backend doctor    any other command, and nothing else
set -eu

WAIT_SECONDS=60

fail() {
    echo "entrypoint: $1" >&2
    exit 1
}

# Learn at which revision the database is. It may be starting, or this may be its first start.
ask_for_revision() {
    # A question to a server that is silent takes its time too.
    patient_until=$(($(date +%s) + WAIT_SECONDS))
    while :; do
        code=0
        revision=$(backend db current 2>&1) || code=$?
        case $code in
            0) return ;;
            2) fail "$revision" ;;
        esac
        if [ "$(date +%s)" -ge "$patient_until" ]; then
            fail "no database after $WAIT_SECONDS s: $(printf %s "$revision" | tail -n 1)"
        fi
        sleep 1
    done
}

task=${1:-serve}
case $task in
    serve | migrate) ;;
    *) exec "$@" ;;
esac

# The first process of a container ignores signals that it does not ask for.
trap 'exit 143' TERM
trap 'exit 130' INT

# Where alembic.ini is.
cd "$(dirname "$0")/../.."
ask_for_revision
case $revision in
    # A release that is rolled back must be able to start. /readyz says schema_ahead.
    *'unknown to this code'*) echo "entrypoint: not migrating, the database is at $revision" >&2 ;;
    *) alembic upgrade head || fail "the database was not migrated; the reason stands above." ;;
esac

if [ "$task" = migrate ]; then
    exit 0
fi

# What follows never sees the owner's password: not as a variable, not in /proc.
if [ -n "${MIGRATION_DATABASE_URL_FILE:-}" ] && [ -r "$MIGRATION_DATABASE_URL_FILE" ]; then
    echo "entrypoint: MIGRATION_DATABASE_URL_FILE stays readable for the service. Give" \
        "MIGRATION_DATABASE_URL instead, or migrate in a container of its own." >&2
fi
unset MIGRATION_DATABASE_URL MIGRATION_DATABASE_URL_FILE
exec backend serve
