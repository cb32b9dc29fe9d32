--
-- begin_job(publish => 'end'): all targets change in end_job's one transaction, or
-- none does.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA publish_end;
SET search_path = publish_end;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 3);

CREATE PROCEDURE saves() LANGUAGE plpgsql AS $$
BEGIN
	CALL checkpoint.save('publish_end.b', 'SELECT count(*) AS n FROM publish_end.source', step => 'count');
	CALL checkpoint.save('publish_end.a', 'SELECT x FROM publish_end.source');
END $$;

-- nothing is there before the end
SELECT checkpoint.begin_job('end', publish => 'end') AS job \gset
CALL saves();
SELECT to_regclass('a'), to_regclass('b');
SELECT count(*) FROM checkpoint.published;
SELECT checkpoint.end_job();
SELECT (SELECT count(*) FROM a), (SELECT n FROM b);
SELECT target, step, job_id, checkpoint_id, as_table FROM checkpoint.published;

--
-- A failing check between save and end_job leaves all targets as they were:
-- write, audit, publish.  The candidate is read by the step's name.
--
INSERT INTO source VALUES (4), (-1);
SELECT checkpoint.begin_job('end', publish => 'end') AS job \gset
CALL saves();
CALL checkpoint.check_empty('no negative', 'SELECT * FROM "publish_end.a" WHERE x < 0');
CALL checkpoint.check_empty('consistent', 'SELECT * FROM "publish_end.a" WHERE x < 0');
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT (SELECT count(*) FROM a), (SELECT n FROM b);
DELETE FROM source WHERE x < 0;
-- nor does a job that is given up
SELECT checkpoint.begin_job('end', publish => 'end') AS job \gset
CALL saves();
SELECT checkpoint.fail_job('given up');
SELECT (SELECT count(*) FROM a), (SELECT n FROM b);

--
-- With pending targets, end_job is refused in a transaction block; it can be
-- repeated outside.
--
SELECT checkpoint.begin_job('end', publish => 'end') AS job \gset
CALL saves();
BEGIN;
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DO $$ BEGIN PERFORM checkpoint.end_job(); EXCEPTION WHEN active_sql_transaction THEN RAISE NOTICE '%', SQLERRM; END $$;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.check_empty('fine', 'SELECT * FROM "publish_end.a" WHERE x < 0');
SELECT checkpoint.end_job();
SELECT (SELECT count(*) FROM a), (SELECT n FROM b);
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
-- without any, it is not
SELECT checkpoint.begin_job('none', publish => 'end') AS job \gset
CALL checkpoint.query('q', 'SELECT 1 AS x');
BEGIN;
SELECT checkpoint.end_job();
COMMIT;

--
-- What may not be published is refused before the step starts, and looked at once
-- more in the end: then nothing changes, and the job is open.
--
INSERT INTO source VALUES (5);
CREATE TABLE by_hand (x int);
SELECT checkpoint.begin_job('end', publish => 'end') AS job \gset
CALL checkpoint.save('publish_end.by_hand', 'SELECT 1 AS x');
\echo :LAST_ERROR_SQLSTATE
CALL saves();
CALL checkpoint.save('publish_end.c', 'SELECT 1 AS x');
CREATE VIEW c AS SELECT 2 AS x;
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT (SELECT count(*) FROM a), (SELECT n FROM b), (SELECT x FROM c);
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
DROP VIEW c;
SELECT checkpoint.end_job();
SELECT (SELECT count(*) FROM a), (SELECT n FROM b), (SELECT x FROM c);
-- of what this run has published nothing is said, of what it has not something is
SELECT checkpoint.begin_job('end', publish => 'end') AS job \gset
CALL saves();
SELECT checkpoint.end_job();

--
-- Two steps with one target: the later one's rows are shown.
--
SELECT checkpoint.begin_job('two') AS job \gset
CALL checkpoint.save('publish_end.d', 'SELECT 1 AS x', step => 'one');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('two', publish => 'end') AS job \gset
CALL checkpoint.save('publish_end.d', 'SELECT 2 AS x', step => 'two');
CALL checkpoint.save('publish_end.d', 'SELECT 3 AS x', step => 'three');
SELECT x FROM d;
SELECT checkpoint.end_job();
SELECT x FROM d;

-- detached, and ended by another session's call
SELECT checkpoint.begin_job('detached', attach => false, publish => 'end') AS job \gset
CALL checkpoint.save('publish_end.e', 'SELECT 1 AS x', job => :job);
SELECT checkpoint.end_job(:job);
SELECT x FROM e;

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA publish_end CASCADE;
