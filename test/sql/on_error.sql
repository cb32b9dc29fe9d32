--
-- Rule 11: on_error => 'skip', max_errors and the view errors.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;

CREATE SCHEMA on_error;
SET search_path = on_error;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 20);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('on_error.calls') - 1;
BEGIN
	PERFORM setval('on_error.calls', 1, false);
	RETURN n;
END $$;

-- fails at the rows listed
SET test.bad = '{}';
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('on_error.calls');
	IF x = ANY (current_setting('test.' || 'bad')::int[]) THEN
		RAISE 'failed on %', x USING ERRCODE = 'UE001', DETAIL = 'detail of ' || x, HINT = 'the hint';
	END IF;
	RETURN x * 10;
END $$;
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. x % 3 LOOP
		RETURN NEXT f(x);
	END LOOP;
	PERFORM f(x);
END $$;

CREATE VIEW jobs AS SELECT name, status, rerun_of IS NOT NULL AS rerun, error
FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
CREATE VIEW steps AS SELECT step, action, rows_total AS total, rows_kept AS kept,
	rows_computed AS computed, rows_failed AS failed, rows_output AS output
FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs);
CREATE VIEW kept AS SELECT job, step, state, rows_total AS total, rows_processed AS processed,
	rows_failed AS failed, rows_output AS output
FROM checkpoint.checkpoints;
CREATE VIEW errors AS SELECT job, step, sys__id, sqlstate, message, detail, attempts
FROM checkpoint.errors;

-- The words are checked before anything is done.
\set VERBOSITY terse
SELECT checkpoint.begin_job('words') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', on_error => 'ignore');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', on_error => 'skip', max_errors => -1);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.gen('m', 'SELECT x FROM source', 'g(x) AS y', on_error => 'Skip');
\echo :LAST_ERROR_SQLSTATE
SELECT calls();
-- such a refusal changes nothing
SELECT status FROM checkpoint.jobs;
SELECT checkpoint.end_job();

--
-- Failed rows are passed over, and recorded with their errors.
--
SET test.bad = '{3,4,11,20}';
SELECT checkpoint.begin_job('skip') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', on_error => 'skip');
SELECT calls();
SELECT * FROM errors;
SELECT context, last_attempt BETWEEN started_at AND clock_timestamp() AS recent, e.job_id = j.job_id AS this_job
FROM checkpoint.errors e JOIN checkpoint.jobs j USING (job_id) WHERE sys__id = 3;
SELECT * FROM steps;
SELECT * FROM kept WHERE job = 'skip';
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), bool_and(y = x * 10) AS correct, bool_or(x = ANY (current_setting('test.' || 'bad')::int[])) AS bad FROM :output;

-- The outputs of such a step may be used by later steps of any kind.
CALL checkpoint.gen('g', 'SELECT x, y FROM m WHERE x <= 5 ORDER BY x', 'generate_series(x, y, 10) AS z');
CALL checkpoint.query('q', 'SELECT count(*) AS n, sum(y) AS total FROM m');
SELECT checkpoint.output('q') AS output \gset
SELECT n, total FROM :output;
CALL checkpoint.save('on_error.published', 'SELECT x, y FROM m');
SELECT count(*) FROM published;
-- and the job ends with errors
SELECT checkpoint.end_job();
SELECT * FROM jobs;

-- The checkpoint stays partial: the next run retries just those rows.
SET test.bad = '{11}';
SELECT checkpoint.begin_job('skip') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', on_error => 'skip');
SELECT calls();
SELECT * FROM errors;
SELECT * FROM kept WHERE job = 'skip' AND step = 'm';
-- what had been made of fewer rows is made again
CALL checkpoint.query('q', 'SELECT count(*) AS n, sum(y) AS total FROM m');
SELECT checkpoint.output('q') AS output \gset
SELECT n, total FROM :output;
SELECT checkpoint.end_job();
SELECT * FROM jobs;

-- A row leaves the view when it is computed, and the last one makes the step final.
SET test.bad = '{}';
SELECT checkpoint.begin_job('skip') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT calls();
SELECT * FROM errors;
SELECT * FROM kept WHERE job = 'skip' AND step = 'm';
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(DISTINCT sys__id), bool_and(y = x * 10) AS correct FROM :output;
SELECT checkpoint.end_job();
SELECT * FROM jobs;
SELECT checkpoint.begin_job('skip') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', on_error => 'skip');
SELECT calls();
SELECT checkpoint.end_job();

-- A rerun that stops at errors stops at a row that was passed over before; the
-- rows that are processed stay so.
SET test.bad = '{5,6}';
SELECT checkpoint.begin_job('stop') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS stop', on_error => 'skip');
SELECT calls();
SELECT checkpoint.begin_job('stop') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS stop');
\echo :LAST_ERROR_SQLSTATE
SELECT calls();
SELECT * FROM jobs;
SELECT * FROM kept WHERE job = 'stop';

--
-- The error budget: the failing row after max_errors others stops.
--
SET test.bad = '{2,4,6,8,10}';
SELECT checkpoint.begin_job('enough') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS enough', on_error => 'skip', max_errors => 5);
SELECT calls();
SELECT checkpoint.end_job();
SELECT * FROM jobs;

SELECT checkpoint.begin_job('too many') AS job \gset
\set VERBOSITY default
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS too_many', on_error => 'skip', max_errors => 4);
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
-- the row that stopped it is the fifth; nothing behind it was called
SELECT calls();
SELECT * FROM jobs;
SELECT * FROM steps;
SELECT sys__id, message FROM errors WHERE job = 'too many';
SELECT * FROM kept WHERE job = 'too many';
-- each run has the budget anew
SELECT checkpoint.begin_job('too many') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS too_many', on_error => 'skip', max_errors => 4);
SELECT calls();
SELECT checkpoint.begin_job('too many') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS too_many', on_error => 'skip', max_errors => 5);
SELECT calls();
SELECT * FROM kept WHERE job = 'too many';
SELECT checkpoint.end_job();

-- none is stop
SELECT checkpoint.begin_job('none') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS none', on_error => 'skip', max_errors => 0);
SELECT calls();
SELECT * FROM kept WHERE job = 'none';
SELECT count(*) FROM errors WHERE job = 'none';

--
-- All rows fail; the first and the last one; the only one.
--
SELECT ARRAY(SELECT x FROM source)::text AS all_rows \gset
SET test.bad = :'all_rows';
SELECT checkpoint.begin_job('all') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS every', on_error => 'skip');
SELECT * FROM kept WHERE job = 'all';
CALL checkpoint.query('q', 'SELECT * FROM m');
SELECT checkpoint.end_job();
SELECT * FROM jobs;
SELECT calls();
SET test.bad = '{1}';
SELECT checkpoint.begin_job('only') AS job \gset
CALL checkpoint.map('m', 'SELECT 1 AS x', 'f(x) AS y', on_error => 'skip');
SELECT checkpoint.end_job();
SELECT * FROM jobs;
SELECT calls();

--
-- gen: rows of an input that failed half-way are not kept.
--
SET test.bad = '{2,5,9}';
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'g(x) AS y', on_error => 'skip');
SELECT calls() = 20 + (SELECT sum(x % 3) FROM source WHERE x NOT IN (2, 5, 9)) AS once;
SELECT sys__id, message FROM errors WHERE job = 'gen';
SELECT * FROM kept WHERE job = 'gen';
SELECT checkpoint.output('g') AS output \gset
SELECT count(*) FROM :output WHERE sys__input_id IN (2, 5, 9);
SELECT checkpoint.end_job();
SET test.bad = '{}';
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'g(x) AS y', on_error => 'skip');
-- 2 and 5 yield two rows each, 9 none
SELECT calls();
SELECT count(*) FROM errors WHERE job = 'gen';
SELECT checkpoint.output('g') AS output \gset
SELECT count(*) = (SELECT sum(x % 3) FROM source) AS complete, count(DISTINCT sys__id) = count(*) AS numbered FROM :output;
SELECT checkpoint.end_job();
SELECT * FROM jobs;

--
-- A function that writes: its writes match exactly the rows kept (rule 7).
--
CREATE TABLE written (x int);
CREATE FUNCTION w(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO on_error.written VALUES (x);
	RETURN on_error.f(x);
END $$;
SET test.bad = '{1,7,8,20}';
SELECT checkpoint.begin_job('writes') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'w(x) AS y', on_error => 'skip');
SELECT string_agg(x::text, ',' ORDER BY x) FROM written;
SELECT string_agg(sys__id::text, ',') FROM errors WHERE job = 'writes';
SELECT checkpoint.end_job();
SELECT calls() >= 20 AS called;
SET test.bad = '{}';
SELECT checkpoint.begin_job('writes') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'w(x) AS y');
SELECT count(*), count(DISTINCT x) FROM written;
SELECT calls();
SELECT checkpoint.end_job();

--
-- Whatever a row fails of, in a batch and outside of the function's own code:
-- division by zero, the type of a result, too many rows, stack, timeouts.
--
CREATE FUNCTION breaks(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('on_error.calls');
	CASE x
		WHEN 2 THEN RETURN 1 / 0;
		WHEN 4 THEN RETURN 'x'::int;
		WHEN 6 THEN RETURN on_error.breaks(6);
		WHEN 8 THEN RAISE query_canceled USING MESSAGE = 'as if cancelled';
		WHEN 10 THEN ASSERT false, 'asserted';
		WHEN 12 THEN INSERT INTO on_error.no_such_table VALUES (1);
		ELSE RETURN x::text;
	END CASE;
END $$;
SET max_stack_depth = '100kB';
SELECT checkpoint.begin_job('breaks') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x <> 8 ORDER BY x', 'breaks(x) AS y, x <> 14 OR 1 / (x - 14) > 0 AS z', on_error => 'skip');
SELECT sys__id, sqlstate, message FROM errors WHERE job = 'breaks';
SELECT checkpoint.end_job();
RESET max_stack_depth;
-- a cancel is none of these: it stops
SELECT checkpoint.begin_job('cancelled') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x IN (7, 8, 9) ORDER BY x', 'breaks(x) AS y', on_error => 'skip');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM kept WHERE job = 'cancelled';
SELECT setval('calls', 1, false);

--
-- No rows at all.
--
SELECT checkpoint.begin_job('empty') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE false', 'f(x) AS y', on_error => 'skip', max_errors => 0);
SELECT checkpoint.end_job();
SELECT * FROM jobs;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA on_error CASCADE;
