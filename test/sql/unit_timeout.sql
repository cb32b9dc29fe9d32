--
-- unit_timeout: a call that takes longer is an error of its row, which can be
-- skipped and retried; other timeouts and cancels keep their meaning.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA unit_timeout;
SET search_path = unit_timeout;
CREATE TABLE source AS SELECT x FROM generate_series(1, 20) x;
CREATE SEQUENCE calls;
-- rows 3 and 17 hang at the first so many calls for one of them
SET test.hangs = 1000;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x IN (3, 17) AND nextval('unit_timeout.calls') <= current_setting('test.' || 'hangs')::int THEN
		PERFORM pg_sleep(3600);
	END IF;
	RETURN x * 10;
END $$;
CREATE VIEW last_job AS SELECT status, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
CREATE VIEW last_step AS SELECT action, rows_total, rows_kept, rows_computed, rows_failed
FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;

-- It stops, and the job has failed: nobody has cancelled it.
SELECT checkpoint.begin_job('stops') AS job \gset
\set VERBOSITY default
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', unit_timeout => '1 s');
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM last_job;
SELECT * FROM last_step;

-- It is skipped: all other rows are computed.
SELECT checkpoint.begin_job('stops') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', unit_timeout => '1 s', on_error => 'skip');
SELECT sys__id, sqlstate, message, detail, attempts FROM checkpoint.errors;
SELECT checkpoint.end_job();
SELECT * FROM last_job;

-- It is tried again, with workers, too.
SELECT setval('calls', 1, false);
SET test.hangs = 2;
SELECT checkpoint.begin_job('stops') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', unit_timeout => '1 s', retries => 2, workers => 2);
SELECT checkpoint.end_job();
SELECT * FROM last_job;

-- What a function writes matches the rows kept.
CREATE TABLE written (x int);
CREATE FUNCTION w(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO unit_timeout.written VALUES (x);
	RETURN NEXT unit_timeout.f(x);
END $$;
SET test.hangs = 1000;
SELECT checkpoint.begin_job('writes') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'w(x) AS y', unit_timeout => '1 s', on_error => 'skip');
SELECT count(*), count(DISTINCT x), count(*) FILTER (WHERE x IN (3, 17)) AS hung FROM written;
SELECT checkpoint.end_job();

-- A statement timeout is none of a row: the step fails whatever on_error says.
SELECT checkpoint.begin_job('statement timeout') AS job \gset
SET statement_timeout = '3 s';
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS z', unit_timeout => '1 h', on_error => 'skip');
RESET statement_timeout;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM last_job;
SELECT count(*) FROM checkpoint.errors WHERE job = 'statement timeout';

-- A call that ends before it notices is no error, and the row after it has its own time.
CREATE FUNCTION busy(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.03);
	RETURN x;
END $$;
SELECT checkpoint.begin_job('own time') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'busy(x) AS y', unit_timeout => '10 s');
SELECT checkpoint.end_job();

-- Python code that asks the server for something notices, and so does a group.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS plpython3u;
RESET client_min_messages;
CREATE FUNCTION in_python(x int) RETURNS int LANGUAGE plpython3u AS $$
for i in range(36000 if x == 3 else 0):
	plpy.execute('SELECT pg_sleep(0.1)')
return x * 10
$$;
SET test.hangs = 1000;
SELECT in_python(1);
SELECT checkpoint.begin_job('others') AS job \gset
CALL checkpoint.map('python', 'SELECT x FROM source ORDER BY x', 'in_python(x) AS y', unit_timeout => '2 s', on_error => 'skip');
CALL checkpoint.agg('groups', 'SELECT x % 4 AS k, x FROM source ORDER BY x', 'sum(in_python(x)) AS y', 'k', unit_timeout => '2 s', on_error => 'skip');
SELECT step, sys__id, input, sqlstate FROM checkpoint.errors WHERE job = 'others' ORDER BY step DESC;
SELECT checkpoint.output('groups') AS o \gset
SELECT k, y FROM :o ORDER BY k;
SELECT checkpoint.end_job();
-- A cancel that Python code passes on is a cancel, and of no row.
CREATE FUNCTION cancelled(x int) RETURNS int LANGUAGE plpython3u AS $$
plpy.execute('SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(3600)')
$$;
SELECT checkpoint.begin_job('cancelled') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'cancelled(x) AS y', unit_timeout => '1 h', on_error => 'skip');
SELECT status FROM last_job;
SELECT count(*) FROM checkpoint.errors WHERE job = 'cancelled';

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA unit_timeout CASCADE;
