--
-- Rule 14: how long a checkpoint is kept is said by the setting checkpoint.retention
-- at its last use, and is kept with it; looking at it is no use.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
-- days that all have 24 hours
SET TimeZone = 'UTC';
CREATE SCHEMA retention;
SET search_path = retention;
\set VERBOSITY terse
\pset format unaligned

CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
SET test.fails_on = 0;
-- run runs a job of one map and says what became of it.
CREATE PROCEDURE run(job text, udf text = 'f(x) AS y') LANGUAGE plpgsql AS $$
DECLARE
	id bigint := checkpoint.begin_job(job);
BEGIN
	CALL checkpoint.map('m', 'SELECT x FROM source', udf);
	PERFORM checkpoint.end_job();
	RAISE WARNING '%', (SELECT action FROM checkpoint.steps WHERE job_id = id);
END $$;
-- later makes so much time pass.
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql AS $$
	UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - span, created_at = created_at - span;
	UPDATE checkpoint.job SET started_at = started_at - span, ended_at = ended_at - span;
$$;
CREATE VIEW kept AS
SELECT job, state, expires_at - last_used_at AS kept_for, rows_processed,
	now() - last_used_at < '1 hour' AS used_now
FROM checkpoint.checkpoints ORDER BY checkpoint_id;

SHOW checkpoint.retention;
SELECT name, setting, unit, min_val, vartype FROM pg_settings WHERE name LIKE 'checkpoint.%retention' ORDER BY 1;
-- shorter than a minute, too
SET checkpoint.retention = '10s';
SHOW checkpoint.retention;
SET checkpoint.retention = -1;
SHOW checkpoint.retention;
\set VERBOSITY sqlstate
SET checkpoint.retention = -2;
\set VERBOSITY terse

-- For ever, less than a minute, the default: each by the setting at the last use.
CALL run('ever', 'f(x) AS e');
SET checkpoint.retention = '59s';
CALL run('short', 'f(x) AS s');
RESET checkpoint.retention;
CALL run('default', 'f(x) AS d');
TABLE kept;
SELECT later('1 min');
CALL run('short', 'f(x) AS s');
TABLE kept;
SELECT later('100 years');
CALL checkpoint.prune() \gset
TABLE kept;
SET checkpoint.retention = -1;
CALL run('ever', 'f(x) AS e');
RESET checkpoint.retention;
TABLE kept;

-- Looking is no use.
SELECT later('2 days');
SELECT step, action FROM checkpoint.explain_job('ever');
SELECT count(*) FROM checkpoint.checkpoints, checkpoint.steps;
SELECT checkpoint.output('m', 1) IS NOT NULL AS output;
SELECT count(*) FROM checkpoint.processed_ids(1);
TABLE kept;

-- To reuse, to continue and to carry over from is one; so is to fail: it was used until then.
CALL run('ever', 'f(x) AS e');
TABLE kept;
SELECT later('2 days');
INSERT INTO source VALUES (11);
SET test.fails_on = 11;
CALL run('ever', 'f(x) AS e');
TABLE kept;
SELECT later('2 days');
SET test.fails_on = 0;
CALL run('ever', 'f(x) AS e');
TABLE kept;

-- Zero: until the job has ended.  What uses a result while it is there may use it.
CALL checkpoint.drop_job('ever');
SET checkpoint.retention = 0;
SELECT checkpoint.begin_job('zero') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS z');
CALL checkpoint.prune() \gset
\echo :dropped dropped
CALL checkpoint.map('again', 'SELECT x FROM source', 'f(x) AS z');
CALL checkpoint.query('q', 'SELECT sum(z) FROM m');
SELECT step, action FROM checkpoint.steps WHERE job = 'zero' ORDER BY started_at;
TABLE kept;
SELECT checkpoint.end_job();
SELECT count(*) AS left FROM kept;
CALL checkpoint.prune() \gset
\echo :dropped dropped
TABLE kept;
-- ... or has failed
SET test.fails_on = 5;
CALL run('zero', 'f(x) AS z');
TABLE kept;
SET test.fails_on = 0;
CALL run('zero', 'f(x) AS z');
RESET checkpoint.retention;

-- end_job drops up to ten that have expired, of the same owner.
CALL checkpoint.prune() \gset
\echo :dropped dropped
TABLE kept;
SELECT checkpoint.begin_job('many') > 0 AS begun;
DO $$ BEGIN
	FOR i IN 1..12 LOOP
		CALL checkpoint.query('q' || i, 'SELECT ' || i || ' AS i');
	END LOOP;
END $$;
SELECT checkpoint.end_job();
SELECT later('29 days');
SELECT checkpoint.begin_job('other') > 0 AS begun;
SELECT checkpoint.end_job();
SELECT count(*) AS left, (SELECT count(*) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r') AS tables
FROM checkpoint.checkpoints;
-- what has begun is not undone by that: it is part of the transaction
SELECT checkpoint.begin_job('other') > 0 AS begun;
BEGIN;
SELECT checkpoint.end_job();
SELECT count(*) AS left FROM checkpoint.checkpoints;
ROLLBACK;
SELECT count(*) AS left FROM checkpoint.checkpoints;
SELECT checkpoint.end_job();
SELECT count(*) AS left FROM checkpoint.checkpoints;

-- A job that ran for long has used until its end what it leaves unfinished.
SET checkpoint.retention = '28d';
SELECT checkpoint.begin_job('long') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 2) x', '1 / (x - 1) AS y', on_error => 'skip');
SELECT later('29 days');
SELECT checkpoint.end_job();
SELECT state, rows_failed, expires_at > now() + interval '27 days' AS kept FROM checkpoint.checkpoints WHERE job = 'long';

DROP SCHEMA retention CASCADE;
