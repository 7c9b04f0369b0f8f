-- The three roles of the service on MariaDB 10.6 or later. May be repeated: it takes new passwords,
-- and puts right what was changed. Run it as root, in the service's own database:
--
--   { echo "SET @owner_password = '...', @rw_password = '...', @ro_password = '...';"
--     cat roles.mariadb.sql; } | mariadb app
--
--   app_owner  makes and alters tables:             MIGRATION_DATABASE_URL
--   app_rw     reads and writes rows, nothing else: DATABASE_URL
--   app_ro     reads rows: for reports and people
--
-- Options: @rw_connections (at least WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW)).
--
-- MariaDB cannot take one table out of a grant on a database: app_rw may write alembic_version, and
-- delete rows of audit_log, which `backend audit verify` would miss.

SET @rw_connections = coalesce(@rw_connections, 100);
-- In a grant, _ and % stand for any characters.
SET @tables = concat('`', replace(replace(replace(
    database(), '`', '``'), '_', '\\_'), '%', '\\%'), '`.*');

CREATE USER IF NOT EXISTS app_owner, app_rw, app_ro;
EXECUTE IMMEDIATE concat('ALTER USER app_owner IDENTIFIED BY ', quote(@owner_password),
    ' WITH MAX_USER_CONNECTIONS 10');
EXECUTE IMMEDIATE concat('ALTER USER app_rw IDENTIFIED BY ', quote(@rw_password),
    ' WITH MAX_USER_CONNECTIONS ', @rw_connections, ' MAX_STATEMENT_TIME 5');
EXECUTE IMMEDIATE concat('ALTER USER app_ro IDENTIFIED BY ', quote(@ro_password),
    ' WITH MAX_USER_CONNECTIONS 10 MAX_STATEMENT_TIME 30');

REVOKE ALL PRIVILEGES, GRANT OPTION FROM app_owner, app_rw, app_ro;
EXECUTE IMMEDIATE concat('GRANT ALL PRIVILEGES ON ', @tables, ' TO app_owner');
EXECUTE IMMEDIATE concat('GRANT SELECT, INSERT, UPDATE, DELETE ON ', @tables, ' TO app_rw');
EXECUTE IMMEDIATE concat('GRANT SELECT ON ', @tables, ' TO app_ro');
