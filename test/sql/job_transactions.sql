--
-- begin_job, end_job and fail_job are part of the caller's transaction.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE VIEW jobs AS
SELECT job_id, name, status, rerun_of, error, ended_at IS NOT NULL AS ended FROM checkpoint.jobs;
-- the session's locks that say which jobs are alive
CREATE VIEW locks AS
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- Committed together with what the client does itself.
BEGIN;
SELECT checkpoint.begin_job('daily') AS job \gset
SELECT status FROM jobs WHERE job_id = :job;
COMMIT;
CALL checkpoint.query('q', 'SELECT 0 AS zero');
BEGIN;
SELECT checkpoint.end_job();
COMMIT;
SELECT status, ended FROM jobs WHERE job_id = :job;
SELECT * FROM locks;

-- begin_job is part of its transaction: one that is rolled back has not been.
BEGIN;
SELECT checkpoint.begin_job('daily') > 0 AS begun;
ROLLBACK;
SHOW checkpoint.job;
SELECT count(*) FROM jobs WHERE name = 'daily';
SELECT * FROM locks;

-- So is end_job: rolled back, the job goes on.
SELECT checkpoint.begin_job('daily') AS job \gset
BEGIN;
SELECT checkpoint.end_job();
ROLLBACK;
SELECT current_setting('checkpoint.job')::bigint = :job AS still_the_sessions;
SELECT status, ended FROM jobs WHERE job_id = :job;
CALL checkpoint.query('q', 'SELECT 0 AS zero');
SELECT checkpoint.end_job();
SELECT status, ended FROM jobs WHERE job_id = :job;
SELECT * FROM locks;

-- The same for a savepoint.
SELECT checkpoint.begin_job('daily') AS job \gset
BEGIN;
SAVEPOINT s;
SELECT checkpoint.end_job();
ROLLBACK TO s;
COMMIT;
SELECT status, ended FROM jobs WHERE job_id = :job;
CALL checkpoint.query('q', 'SELECT 0 AS zero');
SELECT checkpoint.end_job();
BEGIN;
SAVEPOINT s;
SELECT checkpoint.begin_job('daily') > 0 AS begun;
ROLLBACK TO s;
COMMIT;
SELECT current_setting('checkpoint.job') AS job;
SELECT * FROM locks;

-- A block that catches an error is one, too.
SELECT checkpoint.begin_job('daily') AS job \gset
DO $$
BEGIN
	PERFORM checkpoint.end_job();
	RAISE 'undone';
EXCEPTION WHEN raise_exception THEN
	NULL;
END $$;
SELECT status, ended FROM jobs WHERE job_id = :job;
CALL checkpoint.query('q', 'SELECT 0 AS zero');
SELECT checkpoint.fail_job('the end');
-- and a savepoint that is released is not undone
BEGIN;
SAVEPOINT s;
SELECT checkpoint.begin_job('daily') AS job \gset
RELEASE s;
COMMIT;
SELECT locks > 0 AS alive FROM locks;
CALL checkpoint.query('q', 'SELECT 0 AS zero');
BEGIN;
SAVEPOINT s;
SELECT checkpoint.end_job();
RELEASE s;
COMMIT;
SELECT status, ended FROM jobs WHERE job_id = :job;
SELECT * FROM locks;

-- A run that replaces an open one, undone: the open one goes on.
SELECT checkpoint.begin_job('daily') AS job \gset
BEGIN;
SELECT checkpoint.begin_job('daily') > :job AS begun;
SELECT status, error FROM jobs WHERE job_id = :job;
ROLLBACK;
SELECT current_setting('checkpoint.job') = :'job' AS still_the_sessions;
SELECT status, error FROM jobs WHERE job_id = :job;
CALL checkpoint.query('q', 'SELECT 0 AS zero');
SELECT checkpoint.end_job();
SELECT status FROM jobs WHERE job_id = :job;
SELECT * FROM locks;

DROP VIEW jobs, locks;
