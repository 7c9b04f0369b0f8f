-- The three roles of the service on PostgreSQL 14 or later, for psql. May be repeated: it takes new
-- passwords, and puts right what was changed. Run it as a superuser, in the service's own database:
--
--   export OWNER_PASSWORD=... RW_PASSWORD=... RO_PASSWORD=...
--   psql -d app -f roles.postgresql.sql
--
-- psql 14 takes no passwords from the environment. Set its variables owner_password, rw_password and
-- ro_password instead, but not with -v: everybody on the machine can read a command line.
--
--   app_owner  owns the tables and migrates:        MIGRATION_DATABASE_URL
--   app_rw     reads and writes rows, nothing else: DATABASE_URL
--   app_ro     reads rows: for reports and people
--
-- Options: -v rw_connections=200 (at least WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW); without it,
-- app_rw keeps the limit it has, and a new one gets 100).

\set ON_ERROR_STOP on
\if :{?rw_connections}
\else
SELECT coalesce(max(rolconnlimit) FILTER (WHERE rolconnlimit > 0), 100) AS rw_connections
FROM pg_roles WHERE rolname = 'app_rw'
\gset
\endif
\if :{?owner_password}
\else
\getenv owner_password OWNER_PASSWORD
\getenv rw_password RW_PASSWORD
\getenv ro_password RO_PASSWORD
\endif

BEGIN;

-- The statements below hold passwords.
SET LOCAL log_statement = 'none';
SET LOCAL log_min_duration_statement = -1;
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL pg_stat_statements.track_utility = off;
SET LOCAL password_encryption = 'scram-sha-256';
SET LOCAL client_min_messages = 'warning';

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['app_owner', 'app_rw', 'app_ro']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE app_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    CONNECTION LIMIT 10 PASSWORD :'owner_password';
ALTER ROLE app_rw LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    CONNECTION LIMIT :rw_connections PASSWORD :'rw_password';
ALTER ROLE app_ro LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    CONNECTION LIMIT 10 PASSWORD :'ro_password';

-- Who may come in. PUBLIC is every role of the server.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC, app_rw, app_ro;
ALTER DATABASE :"DBNAME" OWNER TO app_owner;
GRANT CONNECT ON DATABASE :"DBNAME" TO app_rw, app_ro;
REVOKE ALL ON SCHEMA public FROM PUBLIC, app_rw, app_ro;
ALTER SCHEMA public OWNER TO app_owner;
GRANT USAGE ON SCHEMA public TO app_rw, app_ro;

-- Alembic would make this table first, and app_rw could write into it like into any other.
CREATE TABLE IF NOT EXISTS public.alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Tables that another role has made, before there were three.
SELECT format('ALTER TABLE %I.%I OWNER TO app_owner', schemaname, tablename)
FROM pg_tables
WHERE schemaname = 'public' AND tableowner <> 'app_owner'
\gexec

-- Rows, of the tables there are and of those that migrations will make.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, app_rw, app_ro;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_rw;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_ro;
REVOKE INSERT, UPDATE, DELETE ON public.alembic_version FROM app_rw;
-- The audit log is added to, sealed, and emptied of who is erased. Its revision says the same.
SELECT 'REVOKE UPDATE, DELETE ON public.audit_log, public.audit_blocks FROM app_rw',
    'GRANT UPDATE (block, record_id, old_value, new_value, salt) ON public.audit_log TO app_rw'
WHERE to_regclass('public.audit_log') IS NOT NULL
\gexec
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app_rw;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA public GRANT SELECT ON TABLES TO app_ro;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Limits stand on the role, so that they hold behind a pooler too. Those of app_rw are what the
-- service asks for on each connection.
ALTER ROLE app_rw SET statement_timeout = '5s';
ALTER ROLE app_rw SET lock_timeout = '2s';
ALTER ROLE app_rw SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE app_rw SET timezone = 'UTC';
ALTER ROLE app_ro SET statement_timeout = '30s';
ALTER ROLE app_ro SET lock_timeout = '2s';
ALTER ROLE app_ro SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE app_ro SET timezone = 'UTC';
ALTER ROLE app_ro SET default_transaction_read_only = on;

-- Statements hold what people wrote. A role may not change these four itself.
SELECT format('ALTER ROLE %I SET %s', role, setting)
FROM unnest(ARRAY['app_owner', 'app_rw', 'app_ro']) AS role,
    unnest(ARRAY[
        'log_min_error_statement = panic',  -- no text of a statement that failed,
        'log_error_verbosity = terse',      -- no DETAIL, which quotes keys,
        'log_min_duration_statement = -1',  -- nor of one that was slow,
        'log_statement = none'              -- nor of any other.
    ]) AS setting
\gexec

COMMIT;
