-- The role by which a replica follows. It reads the whole server, so only the replica has it.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL log_statement = 'none';
SET LOCAL log_min_duration_statement = -1;
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL pg_stat_statements.track_utility = off;
SELECT 'CREATE ROLE replicator'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator')
\gexec
ALTER ROLE replicator LOGIN REPLICATION CONNECTION LIMIT 5 PASSWORD :'replicator_password';
COMMIT;
