--
-- rename_job moves a run group, with all that is kept, to another name.  And the
-- setting checkpoint.fresh, which forces jobs from outside of their scripts.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA renamed;
SET search_path = renamed;
CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x;
END $$;
CREATE PROCEDURE run(job text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
	PERFORM checkpoint.end_job();
END $$;

SET test.fails_on = 6;
CALL run('old');
SELECT checkpoint.rename_job('old', 'new');
SELECT job_id, name, status FROM checkpoint.jobs;
SELECT job, step, state, rows_processed FROM checkpoint.checkpoints;
-- it continues under the new name; the old one is free
SET test.fails_on = 0;
CALL run('new');
CALL run('old');
-- a result by several versions of the code stays its run group's
CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x + 0;
END $$;
INSERT INTO source VALUES (11);
SET test.fails_on = 11;
CALL run('mixed');
CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
CALL run('mixed');
SELECT checkpoint.rename_job('mixed', 'still mixed');
CALL run('still mixed');

-- taken, running, not there, not a name
SELECT checkpoint.rename_job('new', 'old');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.rename_job('new', 'new');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('new') AS job \gset
SELECT checkpoint.rename_job('new', 'newer');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job();
SELECT checkpoint.rename_job('nothing', 'something');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.rename_job('new', '');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.rename_job('new', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.rename_job(NULL, 'new');
\echo :LAST_ERROR_SQLSTATE
-- another role's
CREATE ROLE regress_renamer;
SET ROLE regress_renamer;
SELECT checkpoint.rename_job('new', 'mine');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE regress_renamer;
-- undone with its transaction
BEGIN;
SELECT checkpoint.rename_job('new', 'newer');
ROLLBACK;
SELECT DISTINCT name FROM checkpoint.jobs ORDER BY name;

-- The setting checkpoint.fresh.
SET checkpoint.fresh = on;
CALL run('new');
-- it and resume_from exclude each other
SELECT checkpoint.begin_job('new', resume_from => 'm');
\echo :LAST_ERROR_SQLSTATE
RESET checkpoint.fresh;
CALL run('new');

SET client_min_messages = warning;
DROP SCHEMA renamed CASCADE;
