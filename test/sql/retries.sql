--
-- retries: a row is called again so many times before it has failed (rule 11).
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA retries;
SET search_path = retries;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 8);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('retries.calls') - 1;
BEGIN
	PERFORM setval('retries.calls', 1, false);
	RETURN n;
END $$;

-- a sequence for each row counts its calls, whatever becomes of the transaction;
-- rows 3 and 6 fail so many times
SELECT format('CREATE SEQUENCE calls_%s', x) FROM source \gexec
SET test.fails = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('retries.calls_' || x);
BEGIN
	PERFORM nextval('retries.calls');
	IF x IN (3, 6) AND n <= current_setting('test.' || 'fails')::int THEN
		RAISE 'failed on %, call %', x, n;
	END IF;
	RETURN x * 10;
END $$;
CREATE FUNCTION forget() RETURNS void LANGUAGE sql AS $$
SELECT setval('retries.calls_' || x, 1, false) FROM retries.source;
SELECT setval('retries.calls', 1, false);
$$;
CREATE VIEW errors AS SELECT sys__id, sqlstate, message, attempts FROM checkpoint.errors;

-- Out of range.
SELECT checkpoint.begin_job('range') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', retries => -1);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', retries => 1000000);
\echo :LAST_ERROR_SQLSTATE
SELECT calls();
SELECT checkpoint.end_job();

-- As many as it takes: nothing fails, and no other row is called again.
SET test.fails = 2;
SELECT checkpoint.begin_job('enough') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', retries => 2);
SELECT calls();
SELECT string_agg(last_value::text, ',' ORDER BY sequencename) FROM pg_sequences
WHERE schemaname = 'retries' AND sequencename LIKE 'calls\__';
SELECT * FROM errors;
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), bool_and(y = x * 10) AS correct FROM :output;
SELECT checkpoint.end_job();
SELECT status FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
SELECT forget();

-- One less: the first row that fails stops; what came before it is kept.
SELECT checkpoint.begin_job('stops') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS stops', retries => 1);
SELECT calls();
SELECT rows_processed FROM checkpoint.checkpoints WHERE job = 'stops';
SELECT forget();

-- Exhausted and passed over: the attempts are counted, the message is the last one.
SELECT checkpoint.begin_job('skips') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS skips', retries => 1, on_error => 'skip');
SELECT calls();
SELECT * FROM errors;
SELECT checkpoint.end_job();
-- the rerun has retries anew, and counts on
SET test.fails = 3;
SELECT checkpoint.begin_job('skips') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS skips', on_error => 'skip');
SELECT calls();
SELECT * FROM errors;
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('skips') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS skips', on_error => 'skip', retries => 5);
SELECT calls();
SELECT * FROM errors;
SELECT checkpoint.end_job();
SELECT forget();

-- max_errors counts rows, not attempts.
SET test.fails = 100;
SELECT checkpoint.begin_job('budget') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS budget', retries => 3, on_error => 'skip', max_errors => 2);
SELECT calls();
SELECT * FROM errors;
SELECT checkpoint.end_job();
SELECT forget();

-- gen, and a function that writes: an attempt that failed leaves no trace.
CREATE TABLE written (x int, call bigint);
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT -x;
	INSERT INTO retries.written VALUES (x, (SELECT coalesce(last_value, 0) + 1 FROM pg_sequences
		WHERE schemaname = 'retries' AND sequencename = 'calls_' || g.x));
	RETURN NEXT f(x);
END $$;
SET test.fails = 2;
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'g(x) AS y', retries => 4);
SELECT count(*), count(DISTINCT x) FROM written;
SELECT x FROM written WHERE call > 1 AND x IN (3, 6) ORDER BY x;
SELECT checkpoint.output('g') AS output \gset
SELECT count(*), count(DISTINCT sys__id), sum(y) FROM :output;
SELECT checkpoint.end_job();
SELECT forget();

-- With several processes.
SELECT checkpoint.begin_job('workers') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS workers', retries => 2, workers => 2);
SELECT calls();
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA retries CASCADE;
