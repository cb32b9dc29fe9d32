--
-- Rule 14: what was not used for checkpoint.retention is not used any more,
-- unless it is pinned.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
-- days that all have 24 hours
SET TimeZone = 'UTC';
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA expiry;
SET search_path = expiry;
CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
CREATE SEQUENCE calls;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('expiry.calls');
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
SET test.fails_on = 0;
-- run runs one map and says how often f was called.
CREATE PROCEDURE run(job text, udf text = 'f(x) AS y') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setval('calls', 1, false);
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', udf);
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls', nextval('calls') - 1;
END $$;
-- set_age makes the last use of all that a job has be so long ago.
CREATE FUNCTION set_age(job text, ago interval) RETURNS void LANGUAGE sql AS $$
	UPDATE checkpoint.checkpoint SET last_used_at = clock_timestamp() - ago WHERE job_name = set_age.job
$$;
CREATE VIEW last_step AS
SELECT action, rows_kept, rows_computed FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;
\pset format unaligned
\pset tuples_only on

-- A finished step: the last use counts, by default 28 days.
CALL run('final');
SELECT set_age('final', '27 days');
CALL run('final');
SELECT set_age('final', '27 days');
CALL run('final');
SELECT set_age('final', '28 days 1 minute');
CALL run('final');
-- that one is new
CALL run('final');

-- The setting, as it was at the last use.
SELECT set_age('final', '2 hours');
SET checkpoint.retention = '1h';
CALL run('final');
RESET checkpoint.retention;
SELECT set_age('final', '2 hours');
CALL run('final');

-- Pinned, it stays.
SELECT set_age('final', '1 year');
UPDATE checkpoint.checkpoint SET pinned = true WHERE job_name = 'final';
CALL run('final');
UPDATE checkpoint.checkpoint SET pinned = false;

-- Not in another job either.
SELECT set_age('final', '1 year');
SET client_min_messages = warning;
CALL run('another');
RESET client_min_messages;
TABLE last_step;
SELECT set_age('another', '1 year');

-- An unfinished step.
SET test.fails_on = 6;
CALL run('partial', 'f(x) AS p');
SELECT set_age('partial', '27 days');
SET test.fails_on = 8;
CALL run('partial', 'f(x) AS p');
SELECT set_age('partial', '29 days');
SET test.fails_on = 9;
CALL run('partial', 'f(x) AS p');
TABLE last_step;
SELECT set_age('partial', '29 days');
UPDATE checkpoint.checkpoint SET pinned = true WHERE job_name = 'partial';
SET test.fails_on = 0;
CALL run('partial', 'f(x) AS p');
UPDATE checkpoint.checkpoint SET pinned = false;

-- Nothing is carried over from what has expired.
SELECT set_age('partial', '29 days');
INSERT INTO source VALUES (11);
SET client_min_messages = warning;
CALL run('partial', 'f(x) AS p');
TABLE last_step;
INSERT INTO source VALUES (12);
CALL run('partial', 'f(x) AS p');
TABLE last_step;
SELECT set_age('partial', '29 days');
UPDATE checkpoint.checkpoint SET pinned = true WHERE job_name = 'partial';
INSERT INTO source VALUES (13);
CALL run('partial', 'f(x) AS p');
TABLE last_step;
RESET client_min_messages;

-- A running job goes on with what it uses, however old.
SELECT setval('calls', 1, false);
SELECT checkpoint.begin_job('running') AS job \gset
CALL checkpoint.map('a', 'SELECT x FROM source', 'f(x) AS r');
SELECT set_age('running', '1 year');
CALL checkpoint.query('b', 'SELECT sum(r) FROM a');
CALL checkpoint.map('c', 'SELECT x FROM source', 'f(x) AS r');
SELECT checkpoint.end_job();
SELECT nextval('calls') - 1 AS calls;

-- Expired is as if it were not there: also where its key is asked for while another
-- result of the step lives.
CREATE TABLE early AS SELECT generate_series(1, 3) AS x;
CREATE TABLE late AS SELECT generate_series(11, 13) AS x;
CREATE PROCEDURE run_of(input text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setval('calls', 1, false);
	PERFORM checkpoint.begin_job('two inputs');
	CALL checkpoint.map('m', 'SELECT x FROM ' || input, 'f(x) AS y, 2 AS two');
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls', nextval('calls') - 1;
END $$;
SET client_min_messages = warning;
CALL run_of('early');
SELECT set_age('two inputs', '29 days');
CALL run_of('late');
CALL run_of('early');
TABLE last_step;
-- both live
CALL run_of('late');
TABLE last_step;

-- A use renews it: another 28 days.
SELECT set_age('two inputs', '27 days');
CALL run_of('late');
SELECT count(*) AS renewed FROM checkpoint.checkpoints
WHERE job = 'two inputs' AND last_used_at > now() - interval '1 day';
RESET client_min_messages;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA expiry CASCADE;
