--
-- Everybody may use what the extension is for, whatever the default privileges
-- are where it is installed; the catalogs are nobody's.
--
\set VERBOSITY terse
SELECT current_database() AS regression \gset
SET client_min_messages = warning;
CREATE ROLE regress_user;
CREATE DATABASE regression_grants TEMPLATE template0;
\c regression_grants
SET client_min_messages = warning;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
CREATE FUNCTION public.refused() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT has_function_privilege('public', 'public.refused()', 'EXECUTE');
CREATE EXTENSION checkpoint;

-- functions that nobody but the extension itself calls
SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'checkpoint')
	AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY 1;
-- tables and views that everybody may read, and those that anybody may write
SELECT relname FROM pg_class
WHERE relnamespace IN ('checkpoint'::regnamespace, 'checkpoint_data'::regnamespace)
	AND relkind IN ('r', 'v') AND has_table_privilege('public', oid, 'SELECT')
ORDER BY relname COLLATE "C";
SELECT relname FROM pg_class
WHERE relnamespace IN ('checkpoint'::regnamespace, 'checkpoint_data'::regnamespace) AND relkind IN ('r', 'v', 'S')
	AND has_table_privilege('public', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
ORDER BY relname COLLATE "C";

-- a role without any right runs a job and looks at it
SET ROLE regress_user;
SELECT checkpoint.begin_job('job');
CALL checkpoint.map('m', 'SELECT generate_series(1, 3) AS x', '10 / (x - 2) AS y', on_error => 'skip');
CALL checkpoint.gen('g', 'SELECT x FROM m', 'generate_series(1, x) AS n');
CALL checkpoint.query('q', 'SELECT count(*) AS n FROM g');
SELECT checkpoint.output('q');
SELECT checkpoint.end_job();
SELECT name, owner, status FROM checkpoint.jobs;
SELECT step, action, rows_failed FROM checkpoint.steps;
SELECT step, state, rows_processed, expires_at IS NOT NULL AS expires FROM checkpoint.checkpoints;
SELECT step, sys__id, message FROM checkpoint.errors;
SELECT count(*) FROM checkpoint.progress;
SELECT step, action FROM checkpoint.explain_job('job');
SELECT * FROM checkpoint.remaining_ids(1);
SELECT checkpoint.content_hash(x, y) = checkpoint.content_hash(ROW(x, y)) AS same FROM (VALUES (1, 1), (2, 1)) AS r (x, y);
SELECT checkpoint.fingerprint('abs(int)') IS NOT NULL AS fingerprint;
SELECT kind FROM checkpoint.fingerprint_components('abs(int)');
RESET ROLE;

\c :regression
SET client_min_messages = warning;
DROP DATABASE regression_grants;
DROP ROLE regress_user;
