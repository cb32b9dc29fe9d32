--
-- Rule 7: the error of a UDF reaches the caller as it was, with the row's
-- sys__id and how much is kept.  One context line is added, and a hint if it
-- had none of its own.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
CREATE SCHEMA errors;
SET search_path = errors;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 5) i;
\pset format unaligned
\pset tuples_only on

-- what is stored of a failed run, and what its rerun finds
CREATE VIEW stored AS
SELECT s.action, s.reason, s.rows_total, s.rows_kept, s.rows_computed, j.status, j.error
FROM checkpoint.steps s JOIN checkpoint.jobs j USING (job_id)
ORDER BY job_id DESC LIMIT 1;

--
-- Everything that RAISE can say arrives
--
CREATE FUNCTION fails_at(x int, bad int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF x = bad THEN
        RAISE 'cannot do %', x USING ERRCODE = 'UD001', DETAIL = 'The detail.',
            HINT = 'The hint of the function.';
    END IF;
    RETURN x;
END $$;
SELECT checkpoint.begin_job('raise');
CALL checkpoint.map('s', 'SELECT num FROM src', 'fails_at(num, 4) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM stored;
-- and the job is over: its steps and its end are refused until the rerun
CALL checkpoint.query('next', 'SELECT num FROM src');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('once more');
SELECT status, error FROM checkpoint.jobs;
SELECT checkpoint.begin_job('raise');
CALL checkpoint.map('s', 'SELECT num FROM src', 'fails_at(num, 0) AS y');
SELECT checkpoint.end_job();

-- an error without a hint of its own gets one
SELECT checkpoint.begin_job('divide');
CALL checkpoint.map('s', 'SELECT num FROM src', '60 / (num - 3) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM stored;

-- the context of nested calls is kept, innermost first
CREATE FUNCTION inner_call(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN 1 / (x - 2);
END $$;
CREATE FUNCTION outer_call(x int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    y int;
BEGIN
    y := inner_call(x);
    RETURN y;
END $$;
SELECT checkpoint.begin_job('nested');
CALL checkpoint.map('s', 'SELECT num FROM src', 'outer_call(num) AS y');
\echo :LAST_ERROR_SQLSTATE

-- the first row, the last row, the only column
SELECT checkpoint.begin_job('first row');
CALL checkpoint.map('s', 'SELECT num FROM src', 'fails_at(num, 1) AS y');
SELECT * FROM stored;
SELECT checkpoint.begin_job('last row');
CALL checkpoint.map('s', 'SELECT num FROM src', 'fails_at(num, 5) AS y');
SELECT * FROM stored;

-- a generator that fails half-way: rows of that input are not kept
CREATE FUNCTION gen_fails(x int, bad int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT x;
    IF x = bad THEN
        RAISE EXCEPTION 'no more';
    END IF;
    RETURN NEXT -x;
END $$;
SELECT checkpoint.begin_job('generator');
CALL checkpoint.gen('s', 'SELECT num FROM src', 'gen_fails(num, 3) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM stored;
SELECT checkpoint.begin_job('generator');
CALL checkpoint.gen('s', 'SELECT num FROM src', 'gen_fails(num, 0) AS y');
SELECT checkpoint.end_job();

-- a UDF that writes: its writes match exactly the rows kept
CREATE TABLE log (x int);
CREATE FUNCTION writes(x int, bad int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO errors.log VALUES (x);
    IF x = bad THEN
        RAISE EXCEPTION 'not %', x USING ERRCODE = 'UD002';
    END IF;
    RETURN x;
END $$;
SELECT checkpoint.begin_job('writes');
CALL checkpoint.map('s', 'SELECT num FROM src', 'writes(num, 4) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM stored;
SELECT array_agg(x ORDER BY x) FROM log;
SELECT checkpoint.begin_job('writes');
CALL checkpoint.map('s', 'SELECT num FROM src', 'writes(num, 0) AS y');
SELECT checkpoint.end_job();
SELECT array_agg(x ORDER BY x) FROM log;

-- a UDF that tries to end the transaction, or to run a step, is refused
CREATE FUNCTION commits(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF x = 3 THEN
        COMMIT;
    END IF;
    RETURN x;
END $$;
SELECT checkpoint.begin_job('commits');
CALL checkpoint.map('s', 'SELECT num FROM src', 'commits(num) AS y');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION steps(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    CALL checkpoint.query('inner', 'SELECT 1 AS x');
    RETURN x;
END $$;
SELECT checkpoint.begin_job('steps');
CALL checkpoint.map('s', 'SELECT num FROM src', 'steps(num) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM stored;

-- an assertion, which EXCEPTION WHEN OTHERS does not catch, is an error like others
CREATE FUNCTION asserts(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    ASSERT x < 3, 'not below 3';
    RETURN x;
END $$;
SELECT checkpoint.begin_job('asserts');
CALL checkpoint.map('s', 'SELECT num FROM src', 'asserts(num) AS y');
\echo :LAST_ERROR_SQLSTATE

-- the error of a query arrives likewise, without a row
SELECT checkpoint.begin_job('query');
CALL checkpoint.map('s', 'SELECT 60 / (num - 3) AS y FROM src', 'y + 1 AS z');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM stored;
SELECT checkpoint.begin_job('query');
CALL checkpoint.query('s', 'SELECT 60 / (num - 3) AS y FROM src');
SELECT checkpoint.begin_job('query');
CALL checkpoint.save('errors.shown', 'SELECT 60 / (num - 3) AS y FROM src');
SELECT to_regclass('errors.shown') IS NULL;

-- no failed run leaves a table that no checkpoint knows, or a lock
SELECT count(*) FROM pg_class r
WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r' AND NOT EXISTS
    (SELECT FROM checkpoint.checkpoints WHERE r.oid IN (input_table, output_table));
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA errors CASCADE;
