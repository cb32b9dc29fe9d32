--
-- Budgets stop a step with all results kept, and the next run goes on; errors are
-- limited by number and by share; calls by rate.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA budgets;
SET search_path = budgets;
CREATE TABLE source AS SELECT x FROM generate_series(1, 5000) x;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('budgets.calls') - 1;
BEGIN
	PERFORM setval('budgets.calls', 1, false);
	RETURN n;
END $$;
SET test.fails = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('budgets.calls');
	-- the first so many of each 100
	IF x % 100 BETWEEN 1 AND current_setting('test.' || 'fails')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT f(x);
	RETURN NEXT -x;
END $$;
CREATE VIEW last_job AS SELECT status, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
CREATE VIEW last_step AS SELECT action, rows_total, rows_kept, rows_computed, rows_failed
FROM checkpoint.steps ORDER BY job_id DESC, ended_at DESC LIMIT 1;

-- Out of range.
SELECT checkpoint.begin_job('range', max_time => '-1 s');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('range') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', max_rows => 0);
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', max_time => '0');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', max_error_rate => 1.5);
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', rate => 0);
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', retry_delay => '-1 s');
SELECT checkpoint.end_job();

-- max_rows: exactly so many more rows.
SELECT checkpoint.begin_job('rows') AS job \gset
\set VERBOSITY default
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', max_rows => 100);
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
SELECT calls();
SELECT * FROM last_job;
SELECT * FROM last_step;
SELECT checkpoint.end_job();
-- the same job may go on, with workers
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', max_rows => 1000, workers => 3);
SELECT calls();
SELECT * FROM last_step;
-- and a rerun
SELECT checkpoint.begin_job('rows') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', max_rows => 1);
SELECT calls();
SELECT checkpoint.begin_job('rows') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', max_rows => 3899);
SELECT calls();
SELECT checkpoint.end_job();
SELECT * FROM last_job;
SELECT checkpoint.output('m', :job) AS output \gset
SELECT count(*), bool_and(y = x * 10) AS correct FROM :output;

-- Rows that fail do not count.
SET test.fails = 10;
SELECT checkpoint.begin_job('failing') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'g(x) AS failing', max_rows => 180, on_error => 'skip', workers => 2);
SELECT * FROM last_job;
SELECT rows_computed FROM last_step;
SELECT calls() = 180 + (SELECT rows_failed FROM last_step) AS once;

-- max_errors => NULL is no limit.
SELECT checkpoint.begin_job('no limit') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS no_limit', on_error => 'skip', max_errors => NULL);
SELECT calls();
SELECT checkpoint.end_job();
SELECT * FROM last_job;

-- max_error_rate is looked at after each 100 rows.
SELECT checkpoint.begin_job('rate of errors') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS error_rate', on_error => 'skip', max_errors => NULL, max_error_rate => 0.1);
SELECT calls();
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('rate of errors 2') AS job \gset
\set VERBOSITY default
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS error_rate_2', on_error => 'skip', max_errors => NULL, max_error_rate => 0.09);
\set VERBOSITY terse
SELECT calls();
SELECT * FROM last_job;
SELECT * FROM last_step;
SELECT checkpoint.begin_job('rate of errors 3') AS job \gset
\set VERBOSITY sqlstate
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS error_rate_3', on_error => 'skip', max_errors => NULL, max_error_rate => 0, workers => 2);
\set VERBOSITY terse
SELECT status FROM last_job;
SELECT calls() < 5000 AS stopped;
SET test.fails = 0;

-- max_time of a step: what was computed is kept.
CREATE FUNCTION slow(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('budgets.calls');
	PERFORM pg_sleep(0.1);
	RETURN x;
END $$;
SELECT checkpoint.begin_job('time') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'slow(x) AS y', max_time => '1 ms');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM last_job;
SELECT calls();
SELECT checkpoint.begin_job('time') AS job \gset
\set VERBOSITY sqlstate
CALL checkpoint.map('m', 'SELECT x FROM source', 'slow(x) AS y', max_time => '1 s');
\set VERBOSITY terse
SELECT status FROM last_job;
SELECT rows_computed <= 15 AS some, rows_computed = calls() AS once FROM last_step;

-- That of a job: steps that compute nothing go on.
SELECT checkpoint.begin_job('rows', max_time => '1 ms') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
CALL checkpoint.map('n', 'SELECT x FROM source ORDER BY x', 'f(x) AS z');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM last_job;
SELECT calls();

-- rate: the bucket is empty at first, and holds what a second gives.
CREATE FUNCTION timed(x int) RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';
SELECT checkpoint.begin_job('calls') AS job \gset
SELECT clock_timestamp() AS begun \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 50', 'timed(x) AS t', rate => 100, workers => 2);
SELECT clock_timestamp() - :'begun' >= '0.5 s' AS slow_enough;
SELECT checkpoint.end_job();
-- retry_delay: between half of it and the whole, and twice as long each time.
CREATE FUNCTION never(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'never';
END $$;
SELECT checkpoint.begin_job('retries') AS job \gset
SELECT clock_timestamp() AS begun \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 1', 'never(x) AS y', retries => 2, retry_delay => '0.2 s', on_error => 'skip');
SELECT clock_timestamp() - :'begun' >= '0.3 s' AS slow_enough;
SELECT attempts FROM checkpoint.errors WHERE job = 'retries';
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA budgets CASCADE;
