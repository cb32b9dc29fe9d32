--
-- Jobs: begun, ended, failed, rerun, attached or not; and the views that show them.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA lifecycle;
SET search_path = lifecycle;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 10);
CREATE SEQUENCE calls;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('lifecycle.calls');
	IF x = current_setting('test.' || 'fails_on', true)::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
SET test.fails_on = 0;

-- times are checked, not shown
CREATE VIEW jobs AS
SELECT job_id, name, status, rerun_of, error,
	started_at IS NOT NULL AND started_at <= clock_timestamp() AS started,
	ended_at >= started_at AS ended
FROM checkpoint.jobs;
CREATE VIEW steps AS
SELECT job_id, job, step, kind, action, rows_total AS total, rows_kept AS kept,
	rows_computed AS computed, rows_output AS output,
	started_at IS NOT NULL AS started, ended_at >= started_at AS ended
FROM checkpoint.steps;

--
-- The columns that the views promise.
--
SELECT c.relname AS view, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'checkpoint'::regnamespace AND a.attnum > 0 AND
	(c.relname = 'jobs' AND a.attname IN ('job_id', 'name', 'owner', 'status', 'rerun_of',
		'started_at', 'ended_at', 'error') OR
	c.relname = 'steps' AND a.attname IN ('job_id', 'job', 'step', 'kind', 'action', 'reason',
		'checkpoint_id', 'rows_total', 'rows_kept', 'rows_computed', 'rows_failed',
		'rows_output', 'input_table', 'output_table', 'started_at', 'ended_at') OR
	c.relname = 'checkpoints' AND a.attname IN ('checkpoint_id', 'job', 'step', 'kind', 'state',
		'owner', 'input_hash', 'code_hash', 'content_hash', 'rows_total', 'rows_processed',
		'rows_failed', 'rows_output', 'bytes', 'created_at', 'last_used_at', 'expires_at',
		'pinned'))
ORDER BY c.relname, a.attnum;

-- Every object of the extension says what it is for.
SELECT count(*) > 20 AS objects,
	count(*) FILTER (WHERE coalesce(obj_description(d.objid, d.classid::regclass::name), '') = '') AS without_comment
FROM pg_depend d
WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND
	d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'checkpoint') AND
	(d.classid = 'pg_proc'::regclass OR d.classid = 'pg_class'::regclass AND
		(SELECT relkind FROM pg_class WHERE oid = d.objid) IN ('r', 'v'));

--
-- Begin, end.  The setting checkpoint.job says which job the session's is.
--
SHOW checkpoint.job;
SELECT checkpoint.begin_job('daily');
SHOW checkpoint.job;
SELECT * FROM jobs;
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT * FROM steps;
SELECT checkpoint.end_job();
SHOW checkpoint.job;
SELECT * FROM jobs;

-- An ended job is not to be ended, failed or continued; one's own steps need a job.
SELECT checkpoint.end_job();
SELECT checkpoint.end_job(1);
SELECT checkpoint.fail_job('too late', 1);
CALL checkpoint.map('m2', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.map('m2', 'SELECT x FROM source', 'f(x) AS y', job => 1);
SELECT name, status, error FROM checkpoint.jobs;

--
-- Run groups: runs of one name point at the run before; other names are other groups.
--
SELECT checkpoint.begin_job('weekly');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('daily');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('Daily');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('daily');
SELECT checkpoint.end_job();
SELECT job_id, name, status, rerun_of FROM jobs WHERE job_id > 1;

--
-- fail_job, for clients whose own code failed.
--
SELECT checkpoint.begin_job('client') AS job \gset
CALL checkpoint.query('q', 'SELECT 1 AS one');
SELECT checkpoint.fail_job('the mail server is down');
SHOW checkpoint.job;
SELECT name, status, rerun_of, error, ended FROM jobs WHERE job_id = :job;
SELECT checkpoint.begin_job('client') AS next_job \gset
SELECT rerun_of = :job AS rerun_of_it FROM jobs WHERE job_id = :next_job;
CALL checkpoint.query('q', 'SELECT 1 AS one');
SELECT checkpoint.end_job();

--
-- Rule 12: a step that fails makes its job failed; later steps of that job and
-- end_job are refused until begin_job starts the rerun, which the same session
-- may do at once.
--
SET test.fails_on = 6;
SELECT checkpoint.begin_job('failing') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 1 AS version');
SELECT name, status, error, ended FROM jobs WHERE job_id = :job;
CALL checkpoint.map('m2', 'SELECT x FROM source', 'f(x) AS y');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.query('q', 'SELECT 1 AS one');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('lifecycle.target', 'SELECT 1 AS one', job => :job);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
-- nothing of what was refused has left a trace
SELECT step, action, total, computed, started, ended FROM steps WHERE job_id = :job;
SELECT status FROM jobs WHERE job_id = :job;

-- it is no error to say so again
SELECT checkpoint.fail_job('a step failed');
SELECT status, error FROM jobs WHERE job_id = :job;

SET test.fails_on = 0;
SELECT checkpoint.begin_job('failing') AS next_job \gset
SELECT rerun_of = :job AS rerun_of_it, status FROM jobs WHERE job_id = :next_job;
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 1 AS version');

-- Rule 12: also while its own job of that name is still open: that one is closed as failed.
SELECT checkpoint.begin_job('failing') AS third_job \gset
SELECT job_id - :job AS job, status, rerun_of - :job AS rerun_of, error, ended
FROM jobs WHERE name = 'failing';
CALL checkpoint.query('q', 'SELECT 1 AS one', job => :next_job);
\echo :LAST_ERROR_SQLSTATE
-- what it had finished is there all the same
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 1 AS version');

-- Jobs of other names are not closed; each call may name its job.
SELECT checkpoint.begin_job('other') AS other_job \gset
CALL checkpoint.query('q', 'SELECT 2 AS two', job => :third_job);
SELECT checkpoint.end_job(:third_job);
SELECT current_setting('checkpoint.job')::bigint = :other_job AS still_the_sessions;
SELECT name, status FROM jobs WHERE job_id IN (:third_job, :other_job);

-- Rule 12: a call that is refused before it starts changes nothing and the job goes on.
CALL checkpoint.map('m', 'SELECT nothing FROM source', 'f(x) AS y');
CALL checkpoint.map('m', 'SELECT x FROM source', 'no_such_function(x) AS y');
BEGIN;
CALL checkpoint.query('q', 'SELECT 1 AS one');
ROLLBACK;
SELECT count(*) FROM steps WHERE job_id = :other_job;
CALL checkpoint.query('q', 'SELECT 1 AS one');
SELECT checkpoint.end_job();
SELECT status FROM jobs WHERE job_id = :other_job;

--
-- The setting may be set by hand: to another of one's jobs, or to none.
--
SELECT checkpoint.begin_job('by hand') AS job \gset
SET checkpoint.job = '';
CALL checkpoint.query('q', 'SELECT 1 AS one');
\echo :LAST_ERROR_SQLSTATE
SELECT set_config('checkpoint.job', :'job', false) = :'job' AS set;
CALL checkpoint.query('q', 'SELECT 1 AS one');
SET checkpoint.job = 'x';
SET checkpoint.job = '-1';
SET checkpoint.job = '1000000';
CALL checkpoint.query('q2', 'SELECT 1 AS one');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job(:job);

--
-- attach => false binds nothing to the session: each call names its job.
--
SELECT checkpoint.begin_job('pooled', attach => false) AS job \gset
SELECT current_setting('checkpoint.job')::bigint = :job AS bound;
SELECT status FROM jobs WHERE job_id = :job;
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 1 AS y', job => :job);
SELECT checkpoint.output('m', :job) IS NOT NULL AS has_output, checkpoint.input('m', :job) IS NOT NULL AS has_input;
-- it counts as running from its first step, until no call came for job_timeout
SELECT status FROM jobs WHERE job_id = :job;
SELECT checkpoint.begin_job('pooled', attach => false);
SET checkpoint.job_timeout = 0;
SELECT status FROM jobs WHERE job_id = :job;
RESET checkpoint.job_timeout;
-- another session goes on with it
\c -
\set VERBOSITY terse
SET search_path = lifecycle;
SET test.fails_on = 3;
SELECT current_setting('checkpoint.job', true) AS job;
CALL checkpoint.gen('g', 'SELECT y FROM m', 'generate_series(y, y + 1) AS z', job => :job);
SELECT checkpoint.output('g', :job) AS output \gset
SELECT count(*), min(z), max(z) FROM :output;
SHOW checkpoint.job;
SELECT checkpoint.end_job(:job);
SELECT name, status FROM jobs WHERE job_id = :job;
-- its step fails: the job has failed
SELECT checkpoint.begin_job('pooled', attach => false) AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 2 AS y', job => :job);
CALL checkpoint.map('m2', 'SELECT x FROM source', 'f(x) + 2 AS y', job => :job);
SELECT name, status FROM jobs WHERE job_id = :job;
-- and can be rerun
SET test.fails_on = 0;
SELECT checkpoint.begin_job('pooled', attach => false) AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 2 AS y', job => :job);
SELECT checkpoint.end_job(:job);

-- one whose client is gone is ended by somebody else, or by time
SELECT checkpoint.begin_job('pooled', attach => false) AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 2 AS y', job => :job);
SELECT checkpoint.begin_job('pooled');
SELECT checkpoint.fail_job('its client is gone', :job);
SELECT checkpoint.begin_job('pooled', attach => false) AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 2 AS y', job => :job);
SET checkpoint.job_timeout = 0;
SELECT checkpoint.begin_job('pooled') > :job AS rerun;
SELECT status FROM jobs WHERE job_id = :job;
SELECT checkpoint.end_job();
RESET checkpoint.job_timeout;

-- Where connections are shared, jobs must not be bound to one.
SET checkpoint.allow_attach = off;
SELECT checkpoint.begin_job('shared');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('shared', attach => false) > 0 AS begun;
RESET checkpoint.allow_attach;
SELECT setting, context FROM pg_settings WHERE name = 'checkpoint.allow_attach';

--
-- Rule 12: a session that ends without end_job leaves an interrupted job, which
-- can be rerun without repair.
--
SELECT checkpoint.begin_job('deserted') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 3 AS y');
\c -
\set VERBOSITY terse
SET search_path = lifecycle;
SET test.fails_on = 0;
DO $$
BEGIN
	FOR i IN 1 .. 18000 LOOP
		IF NOT EXISTS (SELECT FROM checkpoint.jobs WHERE name = 'deserted' AND status = 'running') THEN
			RETURN;
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE 'waited until the job was not running any more';
END $$;
SELECT name, status, ended FROM jobs WHERE job_id = :job;
SELECT checkpoint.begin_job('deserted') AS next_job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) + 3 AS y');
SELECT checkpoint.end_job();
SELECT name, status, rerun_of - :job AS rerun_of FROM jobs WHERE name = 'deserted';

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA lifecycle CASCADE;
