--
-- What a user can do wrong with jobs and calls: a clear error with an errcode
-- and a hint, nothing lost, nothing half-made.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
CREATE SCHEMA errors;
SET search_path = errors;
CREATE TABLE src AS SELECT i AS num, 'text ' || i AS txt FROM generate_series(1, 3) i;

-- What a refused call leaves behind: :refused tells its SQLSTATE, and whether
-- the session's job lives as before, without a new step, checkpoint or table.
CREATE FUNCTION refused(sqlstate text, locks int, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
    this bigint := current_setting('checkpoint.job');
    n int;
BEGIN
    result := 'SQLSTATE ' || sqlstate;
    IF (SELECT status FROM checkpoint.jobs WHERE job_id = this) IS DISTINCT FROM 'running' THEN
        result := result || ', the job does not run';
    END IF;
    SELECT count(*) INTO n FROM checkpoint.steps WHERE job_id = this AND action NOT IN ('computed', 'reused');
    IF n > 0 THEN
        result := result || format(', %s steps', n);
    END IF;
    SELECT count(*) INTO n FROM checkpoint.checkpoints WHERE state <> 'final';
    IF n > 0 THEN
        result := result || format(', %s checkpoints', n);
    END IF;
    SELECT count(*) INTO n FROM pg_class r
    WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r' AND NOT EXISTS
        (SELECT FROM checkpoint.checkpoints WHERE r.oid IN (input_table, output_table));
    IF n > 0 THEN
        result := result || format(', %s tables', n);
    END IF;
    SELECT count(*) INTO n FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid();
    IF n <> locks THEN
        result := result || format(', %s locks', n);
    END IF;
END $$;
\set refused 'SELECT refused(:''LAST_ERROR_SQLSTATE'', :locks);'
\pset format unaligned
\pset tuples_only on

--
-- A session without a job
--
CALL checkpoint.query('good', 'SELECT * FROM src');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('reason');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.output('good');
\echo :LAST_ERROR_SQLSTATE

-- nor is a setting that is no number one
SET checkpoint.job = 'even';
\echo :LAST_ERROR_SQLSTATE
SET checkpoint.job = '0';
\echo :LAST_ERROR_SQLSTATE

--
-- Names of jobs
--
SELECT checkpoint.begin_job(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job(repeat('x', 256));
\echo :LAST_ERROR_SQLSTATE
-- characters may have several bytes
SELECT checkpoint.begin_job(repeat('é', 128));
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM checkpoint.jobs;

--
-- Jobs that do not exist, or are over
--
SELECT checkpoint.begin_job('first');
SELECT count(*) AS locks FROM pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid() \gset
CALL checkpoint.query('good', 'SELECT * FROM src', job => 4711);
:refused
SELECT checkpoint.end_job(4711);
:refused
SELECT checkpoint.fail_job('reason', 4711);
:refused
SELECT checkpoint.output('good', 4711);
:refused
SELECT checkpoint.output('nowhere');
:refused
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('errors');
CALL checkpoint.query('good', 'SELECT * FROM src', job => 1);
:refused
SELECT checkpoint.end_job(1);
:refused
SELECT checkpoint.fail_job('reason', 1);
:refused

--
-- Names of steps: 1 to 63 bytes
--
CALL checkpoint.map('', 'SELECT num FROM src', 'num + 1 AS y');
:refused
CALL checkpoint.map(repeat('x', 64), 'SELECT num FROM src', 'num + 1 AS y');
:refused
CALL checkpoint.map(repeat('é', 32), 'SELECT num FROM src', 'num + 1 AS y');
:refused
CALL checkpoint.gen('', 'SELECT num FROM src', 'generate_series(1, num) AS y');
:refused
CALL checkpoint.query('', 'SELECT num FROM src');
:refused
CALL checkpoint.query('sys__even', 'SELECT num FROM src');
:refused

--
-- NULL
--
CALL checkpoint.map(NULL, 'SELECT num FROM src', 'num + 1 AS y');
:refused
CALL checkpoint.map('bad', NULL, 'num + 1 AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', NULL);
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', NULL);
:refused
CALL checkpoint.query(NULL, 'SELECT num FROM src');
:refused
CALL checkpoint.query('bad', NULL);
:refused
CALL checkpoint.save(NULL, 'SELECT num FROM src');
:refused
CALL checkpoint.save('errors.bad', NULL);
:refused
SELECT checkpoint.output(NULL) IS NULL;

--
-- Values of other arguments
--
\set VERBOSITY sqlstate
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y', workers => 0);
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y', workers => -1);
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y', on_error => 'ignore');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y', retries => -1);
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y', max_errors => -1);
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y', on_code_change => 'explode');
:refused
\set VERBOSITY default

--
-- A name used twice in one job, whatever it did; good calls work in between
--
CALL checkpoint.map('even', 'SELECT num FROM src', 'num % 2 = 0 AS even');
CALL checkpoint.map('even', 'SELECT num FROM src', 'num % 2 = 0 AS even');
:refused
CALL checkpoint.query('even', 'SELECT txt FROM src');
:refused
CALL checkpoint.gen('even', 'SELECT num FROM src', 'generate_series(1, num)');
:refused
SELECT step, kind, action FROM checkpoint.steps ORDER BY job_id, step;

--
-- Inside a transaction block, a function, a procedure that is in one, DO in
-- one: 25001 before anything is done
--
BEGIN;
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y');
ROLLBACK;
:refused
BEGIN;
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'generate_series(1, num)');
ROLLBACK;
BEGIN;
CALL checkpoint.query('bad', 'SELECT num FROM src');
ROLLBACK;
BEGIN;
CALL checkpoint.save('errors.bad', 'SELECT num FROM src');
ROLLBACK;
-- without the context: its wording differs from version to version
\set SHOW_CONTEXT never
CREATE FUNCTION step_in_function() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
END $$;
SELECT step_in_function();
:refused
CREATE PROCEDURE step_in_procedure(name text) LANGUAGE plpgsql AS $$
BEGIN
    CALL checkpoint.query(name, 'SELECT num FROM errors.src');
END $$;
BEGIN;
CALL step_in_procedure('bad');
ROLLBACK;
:refused
BEGIN;
DO $$ BEGIN CALL checkpoint.query('bad', 'SELECT num FROM errors.src'); END $$;
ROLLBACK;
:refused
-- procedures that the hint names: what they call cannot commit
CREATE PROCEDURE step_with_set() LANGUAGE plpgsql SET search_path = errors AS $$
BEGIN
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
END $$;
CALL step_with_set();
:refused
CREATE PROCEDURE step_as_definer() LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
END $$;
CALL step_as_definer();
:refused
CREATE PROCEDURE step_in_sql() LANGUAGE sql AS $$
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
$$;
CALL step_in_sql();
:refused
-- a block that handles exceptions is a subtransaction, which cannot commit
DO $$
BEGIN
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
EXCEPTION WHEN division_by_zero THEN
    NULL;
END $$;
:refused
-- a procedure with settings of its own is atomic
CREATE PROCEDURE step_in_setting_procedure() LANGUAGE plpgsql SET work_mem = '1MB' AS $$
BEGIN
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
END $$;
CALL step_in_setting_procedure();
:refused
CREATE PROCEDURE step_in_sql_procedure() LANGUAGE sql AS $$
    CALL checkpoint.query('bad', 'SELECT num FROM errors.src');
$$;
CALL step_in_sql_procedure();
:refused
\set SHOW_CONTEXT errors

-- A procedure and DO that are called on their own can commit, so steps can too
CALL step_in_procedure('in procedure');
DO $$
BEGIN
    CALL checkpoint.query('in do 1', 'SELECT num FROM errors.src');
    CALL checkpoint.map('in do 2', 'SELECT num FROM "in do 1"', 'num * 2 AS twice');
END $$;
SELECT step, action, rows_total FROM checkpoint.steps WHERE step LIKE 'in %' ORDER BY step;
SELECT checkpoint.output('in do 2')::text;

--
-- Read-only transactions
--
SET default_transaction_read_only = on;
CALL checkpoint.query('bad', 'SELECT num FROM src');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y');
:refused
SELECT checkpoint.begin_job('other');
:refused
SELECT checkpoint.end_job();
:refused
SELECT checkpoint.fail_job('reason');
:refused
SELECT count(*) FROM checkpoint.steps WHERE job = 'errors' AND action = 'computed';
RESET default_transaction_read_only;

--
-- After all that the job is as good as new
--
CALL checkpoint.query('last', 'SELECT even FROM even');
SELECT checkpoint.end_job();
SELECT job_id, name, status, error FROM checkpoint.jobs ORDER BY job_id;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job(2);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('too late', 2);
\echo :LAST_ERROR_SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA errors CASCADE;
