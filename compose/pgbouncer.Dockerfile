# PgBouncer as Debian has it, and PostgreSQL's client for the health check.
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends pgbouncer postgresql-client \
    && rm -rf /var/lib/apt/lists/*

USER 10001:10001
EXPOSE 6432
ENTRYPOINT ["pgbouncer", "/etc/pgbouncer/pgbouncer.ini"]
