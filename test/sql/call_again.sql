--
-- Rule 12: the step that failed may be called again in the same job: it continues,
-- and the job is running again.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA again;
SET search_path = again;
CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('again.calls') - 1;
BEGIN
	PERFORM setval('again.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	PERFORM nextval('again.calls');
	RETURN x;
END $$;
CREATE VIEW last_job AS SELECT status, ended_at IS NULL AS open, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
CREATE VIEW last_steps AS SELECT step, action, rows_kept, rows_computed, reason FROM checkpoint.steps
WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs);

-- In psql: fix the function and repeat the CALL.
SET test.fails_on = 6;
SELECT checkpoint.begin_job('j') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
TABLE last_job;
-- other steps and end_job are refused
CALL checkpoint.map('n', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
-- a call that is refused changes nothing
CALL checkpoint.map('m', 'SELECT nothing FROM source ORDER BY x', 'f(x) AS y');
TABLE last_job;
SET test.fails_on = 8;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT calls();
TABLE last_job;
TABLE last_steps;
-- the job goes on; what is done is not done twice
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.query('q', 'SELECT sum(y) FROM m');
SELECT checkpoint.end_job();
TABLE last_job;
TABLE last_steps;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', job => :job);
\echo :LAST_ERROR_SQLSTATE
-- the session has let go of it: the name is free
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';

-- With other arguments, and of another kind: it is the same step.
SET test.fails_on = 6;
SELECT checkpoint.begin_job('other') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS z');
CALL checkpoint.gen('m', 'SELECT x FROM source WHERE x < 6', 'unnest(ARRAY[f(x)]) AS z');
TABLE last_steps;
SELECT checkpoint.end_job();

-- A job that was forced fresh goes on with what it has computed itself, and not
-- with what was before it.
SET test.fails_on = 0;
SELECT checkpoint.begin_job('fresh') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT checkpoint.end_job();
SELECT calls();
SET test.fails_on = 6;
SELECT checkpoint.begin_job('fresh', fresh => true) AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT calls();
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT calls();
SELECT checkpoint.end_job();
SELECT state, rows_total FROM checkpoint.checkpoints WHERE job = 'fresh';
-- also if its input changes between
SET test.fails_on = 6;
SELECT checkpoint.begin_job('fresh', fresh => true) AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT calls();
INSERT INTO source VALUES (11);
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT calls();
SELECT checkpoint.end_job();
DELETE FROM source WHERE x = 11;
-- or resumes from the step
SET test.fails_on = 6;
SELECT checkpoint.begin_job('fresh', resume_from => 'm') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT calls();
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS fresh');
SELECT calls();
SELECT checkpoint.end_job();

-- Rows that were passed over before the step failed are tried again.
CREATE TABLE bad (x int);
INSERT INTO bad VALUES (2), (4);
CREATE FUNCTION g(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x IN (SELECT b.x FROM again.bad b) THEN
		RAISE 'bad: %', x;
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('skip') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'g(x) AS y', on_error => 'skip', max_errors => 1);
DELETE FROM bad WHERE x = 2;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'g(x) AS y', on_error => 'skip', max_errors => 1);
SELECT sys__id, message FROM checkpoint.errors;
SELECT checkpoint.end_job();

-- Without a session of its own: one task of a workflow engine is retried by itself.
SET test.fails_on = 3;
SELECT checkpoint.begin_job('detached', attach => false) AS job \gset
CALL checkpoint.query('q', 'SELECT 1 AS one', job => :job);
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS detached', job => :job);
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS detached', job => :job);
SELECT checkpoint.end_job(:job);
TABLE last_job;

-- Two that failed: the job is complete when both are.
SET test.fails_on = 3;
SELECT checkpoint.begin_job('two') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS two');
INSERT INTO checkpoint.step (job_id, step, kind, action, query, udf, cache_enabled, on_code_change)
VALUES (:job, 'n', 'map', 'failed', 'SELECT 1 AS x', 'f(x)', true, 'continue');
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS two');
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.map('n', 'SELECT x FROM source ORDER BY x', 'f(x) AS two');
SELECT checkpoint.end_job();

-- Not when a rerun has been begun, or the job was failed by its client.
SET test.fails_on = 3;
SELECT checkpoint.begin_job('rerun') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS rerun');
SELECT checkpoint.begin_job('rerun') AS job2 \gset
SELECT checkpoint.end_job();
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS rerun', job => :job);
\echo :LAST_ERROR_SQLSTATE
SET test.fails_on = 0;
SELECT checkpoint.begin_job('rerun') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS rerun');
SELECT checkpoint.fail_job('for a reason');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS rerun', job => :job);
\echo :LAST_ERROR_SQLSTATE

-- save, whose name is that of its target
SET test.fails_on = 3;
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.save('published', 'SELECT f(x) AS x FROM source');
SET test.fails_on = 0;
CALL checkpoint.save('published', 'SELECT f(x) AS x FROM source');
SELECT checkpoint.end_job();
SELECT count(*) FROM published;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA again CASCADE;
