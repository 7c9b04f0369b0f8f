#!/bin/sh
# Give the database its roles and their passwords; libpq's variables say where it is.
set -eu

SECRETS=${SECRETS:-/run/secrets}
SQL=${SQL:-/sql}

PGPASSWORD=$(cat "$SECRETS/superuser_password")
export PGPASSWORD
# psql reads the files itself, so that no password is part of a command line.
exec psql -qX \
    -c "\\set owner_password \`cat '$SECRETS/owner_password'\`" \
    -c "\\set rw_password \`cat '$SECRETS/rw_password'\`" \
    -c "\\set ro_password \`cat '$SECRETS/ro_password'\`" \
    -c "\\set replicator_password \`cat '$SECRETS/replicator_password'\`" \
    -f "$SQL/roles.postgresql.sql" \
    -f "$(dirname "$0")/replicator.sql"
