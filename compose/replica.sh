#!/bin/sh
# Follow a PostgreSQL server: copy it once, then stream; libpq's variables say where it is.
set -eu

PGPASSWORD=$(cat "${SECRETS:-/run/secrets}/replicator_password")
export PGPASSWORD

# A copy has its name when it is complete; one that was interrupted is made again.
if [ ! -d "$PGDATA" ]; then
    rm -rf "$PGDATA.new"
    pg_basebackup --pgdata "$PGDATA.new" --wal-method stream --checkpoint fast \
        --write-recovery-conf
    mv "$PGDATA.new" "$PGDATA"
fi
# The password stands in the configuration that was written.
unset PGPASSWORD PGHOST PGPORT PGUSER
exec postgres "$@"
