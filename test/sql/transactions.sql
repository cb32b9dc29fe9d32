--
-- begin_job, end_job and fail_job are part of the caller's transaction: what is
-- rolled back has not happened, and rule 12 holds all the same.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
CREATE SCHEMA transactions;
SET search_path = transactions;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 3) i;
\pset format unaligned
\pset tuples_only on

-- begin_job, rolled back: no job
BEGIN;
SELECT checkpoint.begin_job('begin');
SHOW checkpoint.job;
ROLLBACK;
SHOW checkpoint.job;
SELECT count(*) FROM checkpoint.jobs;
CALL checkpoint.query('s', 'SELECT num FROM src');
BEGIN;
SAVEPOINT s;
SELECT checkpoint.begin_job('begin');
ROLLBACK TO s;
COMMIT;
SHOW checkpoint.job;
SELECT count(*) FROM checkpoint.jobs;

-- end_job, rolled back: the job goes on
SELECT checkpoint.begin_job('end') AS job \gset
BEGIN;
SELECT checkpoint.end_job();
SHOW checkpoint.job;
ROLLBACK;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.query('1', 'SELECT num FROM src');
BEGIN;
SAVEPOINT s;
SELECT checkpoint.end_job();
ROLLBACK TO s;
COMMIT;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.query('2', 'SELECT num + 1 AS num FROM src');
BEGIN;
SAVEPOINT s;
SELECT checkpoint.fail_job('no reason');
ROLLBACK TO s;
COMMIT;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
SELECT checkpoint.end_job(:job);
SELECT status FROM checkpoint.jobs WHERE job_id = :job;

-- end_job in a savepoint that is kept
SELECT checkpoint.begin_job('end') AS job \gset
BEGIN;
SAVEPOINT s;
SELECT checkpoint.end_job();
RELEASE s;
COMMIT;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;

-- a rerun, rolled back: the open job that it would have closed goes on
SELECT checkpoint.begin_job('rerun') AS job \gset
CALL checkpoint.query('1', 'SELECT num FROM src');
BEGIN;
SELECT checkpoint.begin_job('rerun') > :job;
ROLLBACK;
SELECT current_setting('checkpoint.job') = :'job';
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
BEGIN;
SAVEPOINT s;
SELECT checkpoint.begin_job('rerun') > :job;
ROLLBACK TO s;
COMMIT;
SELECT current_setting('checkpoint.job') = :'job';
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.query('2', 'SELECT num FROM "1"');
SELECT checkpoint.end_job(:job);

-- a rerun that the same session begins while its job is open closes that one
SELECT checkpoint.begin_job('open') AS job \gset
SELECT checkpoint.begin_job('open') AS rerun \gset
SELECT name, status, error, rerun_of = :job AS rerun FROM checkpoint.jobs
WHERE job_id >= :job ORDER BY job_id;
SELECT checkpoint.end_job();

-- so does one that follows in the same transaction
BEGIN;
SELECT checkpoint.begin_job('once more') AS job \gset
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('once more') AS rerun \gset
COMMIT;
SELECT name, status, rerun_of = :job AS rerun FROM checkpoint.jobs
WHERE job_id >= :job ORDER BY job_id;
SELECT checkpoint.end_job();

-- but a step cannot begin its own job anew, nor end it
CREATE FUNCTION begins(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM checkpoint.begin_job('inside');
    RETURN x;
END $$;
CREATE FUNCTION ends(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM checkpoint.end_job();
    RETURN x;
END $$;
\set VERBOSITY sqlstate
SELECT checkpoint.begin_job('inside') AS job \gset
CALL checkpoint.map('s', 'SELECT num FROM src', 'begins(num) AS y');
SELECT checkpoint.begin_job('inside') AS job \gset
CALL checkpoint.map('s', 'SELECT num FROM src', 'ends(num) AS y');
SELECT step, action FROM checkpoint.steps WHERE job = 'inside' ORDER BY job_id;
SELECT status FROM checkpoint.jobs WHERE name = 'inside' ORDER BY job_id;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- a job whose lock is gone is interrupted: nothing of it runs until the rerun
SELECT checkpoint.begin_job('discard') AS job \gset
CALL checkpoint.query('1', 'SELECT num FROM src');
SELECT pg_advisory_unlock_all();
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.query('2', 'SELECT num FROM "1"');
SELECT checkpoint.end_job();
\set VERBOSITY default
SELECT checkpoint.begin_job('discard') AS rerun \gset
CALL checkpoint.query('1', 'SELECT num FROM src');
SELECT checkpoint.end_job();
SELECT status FROM checkpoint.jobs WHERE name = 'discard' ORDER BY job_id;

-- a function that releases all advisory locks fails the step, and nothing is
-- doubled: the rows that were computed with it are not kept
CREATE TABLE written (x int);
CREATE FUNCTION unlocks(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transactions.written VALUES (x);
    IF x = current_setting('test.' || 'unlocks_at')::int THEN
        PERFORM pg_advisory_unlock_all();
    END IF;
    RETURN x;
END $$;
SET test.unlocks_at = 2;
SELECT checkpoint.begin_job('unlocks') AS job \gset
CALL checkpoint.map('s', 'SELECT num FROM src ORDER BY num', 'unlocks(num) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
SELECT (SELECT count(*) FROM written) = rows_processed AS same FROM checkpoint.checkpoints WHERE job = 'unlocks';
SET test.unlocks_at = 0;
SELECT checkpoint.begin_job('unlocks') AS job \gset
CALL checkpoint.map('s', 'SELECT num FROM src ORDER BY num', 'unlocks(num) AS y');
SELECT checkpoint.end_job();
SELECT string_agg(x::text, ',' ORDER BY x) FROM written;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

SET client_min_messages = warning;
DROP SCHEMA transactions CASCADE;
