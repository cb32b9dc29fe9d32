--
-- Rule 12: a failure is always recorded, and what is on record says what was
-- known; what is between two transactions of a step is of use to the next run.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse
CREATE SCHEMA failures;
SET search_path = failures;
CREATE TABLE src AS SELECT i AS num FROM generate_series(1, 10) i;

CREATE VIEW last AS
SELECT j.status, j.error, s.action, s.rows_kept, s.rows_computed
FROM checkpoint.jobs j LEFT JOIN checkpoint.steps s USING (job_id)
ORDER BY j.job_id DESC, s.started_at DESC LIMIT 1;

-- waits until the job of a session that is gone does not run any more
CREATE PROCEDURE wait_for_end() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 18000 LOOP
		IF NOT EXISTS (SELECT FROM checkpoint.jobs WHERE status = 'running') THEN
			RETURN;
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE 'a job still runs';
END $$;

--
-- An unfinished checkpoint of a query, which has no input table, is passed over.
-- (Version 1.0 left them if it was interrupted, and a rerun crashed the server.)
--
SELECT checkpoint.begin_job('unfinished') > 0 AS begun;
CALL checkpoint.query('q', 'SELECT num FROM src');
UPDATE checkpoint.checkpoint SET state = 'partial', content_hash = NULL;
SELECT action, rows_total FROM checkpoint.explain_job('unfinished');
SELECT checkpoint.begin_job('unfinished') > 0 AS begun;
CALL checkpoint.query('q', 'SELECT num FROM src');
SELECT checkpoint.end_job();
SELECT step, state, rows_output FROM checkpoint.checkpoints;
-- an unfinished one of map, too
SELECT checkpoint.begin_job('unfinished') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'num + 1 AS y');
UPDATE checkpoint.checkpoint SET state = 'partial', content_hash = NULL WHERE step = 'm';
SELECT step, action FROM checkpoint.explain_job('unfinished');
SELECT checkpoint.begin_job('unfinished') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'num + 1 AS y');
SELECT checkpoint.end_job();

--
-- A script that forgets end_job, or dies by an error that is its own
--
SELECT checkpoint.begin_job('forgets') > 0 AS begun;
CALL checkpoint.query('q', 'SELECT num FROM src');
\c -
\set VERBOSITY terse
SET search_path = failures;
CALL wait_for_end();
SELECT status, error FROM last;
-- what the view says is what is stored when the next run begins
SELECT checkpoint.begin_job('forgets') > 0 AS begun;
SELECT status, error, ended_at IS NOT NULL AS ended FROM checkpoint.jobs WHERE name = 'forgets' ORDER BY job_id LIMIT 1;
SELECT checkpoint.end_job();

--
-- A script that dies by a refused call
--
CREATE FUNCTION dies_by() RETURNS text LANGUAGE sql AS 'SELECT status || '': '' || error FROM failures.last';
SELECT checkpoint.begin_job('refused') > 0 AS begun;
CALL checkpoint.map('x', 'SELECT num FROM src', 'num AS y', workers => 0);
\c -
\set VERBOSITY terse
SET search_path = failures;
CALL wait_for_end();
SELECT dies_by();
SELECT checkpoint.begin_job('refused') > 0 AS begun;
CALL checkpoint.gen('x', 'SELECT num FROM srx', 'generate_series(1, num) AS y');
CALL checkpoint.query('y', 'SELECT num FROM src');
CALL checkpoint.save(NULL, 'SELECT num FROM src');
\c -
\set VERBOSITY terse
SET search_path = failures;
CALL wait_for_end();
SELECT dies_by();
-- in a procedure, whose work is undone by the error as it always was
CREATE TABLE log (what text);
SELECT checkpoint.begin_job('refused', attach => false) AS job \gset
CREATE PROCEDURE script(job bigint) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES ('before a step');
	CALL checkpoint.query('good', 'SELECT num FROM src', job => job);
	INSERT INTO log VALUES ('before a refused step');
	CALL checkpoint.query('bad', 'SELECT nim FROM src', job => job);
END $$;
CALL script(:job);
SET checkpoint.job_timeout = 0;
SELECT dies_by();
RESET checkpoint.job_timeout;
TABLE log;
-- a new run in the same session says so, too
SELECT checkpoint.begin_job('open') AS job \gset
CALL checkpoint.query('', 'SELECT num FROM src');
SELECT checkpoint.begin_job('open') > :job AS begun;
SELECT status, error FROM checkpoint.jobs WHERE job_id = :job;
-- a job that is begun and refused in one transaction never was; the one before it is none the wiser
SELECT checkpoint.begin_job('older') AS job \gset
DO $$
BEGIN
	PERFORM checkpoint.begin_job('newer');
	CALL checkpoint.query('', 'SELECT num FROM src');
END $$;
SELECT name, refused FROM checkpoint.job WHERE job_id >= :job;
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('open') > :job AS begun;
-- a job that is ended well needs no excuse
CALL checkpoint.query('sys__', 'SELECT num FROM src');
SELECT checkpoint.end_job();
SELECT status, error FROM last;
-- nor is anything noted at a job that is not one's own
CREATE ROLE regress_failures;
SELECT checkpoint.begin_job('mine') AS job \gset
SET ROLE regress_failures;
CALL checkpoint.query('', 'SELECT 1 AS one', job => :job);
RESET ROLE;
SELECT refused FROM checkpoint.job WHERE job_id = :job;
SELECT checkpoint.end_job();
DROP ROLE regress_failures;

--
-- A function that cancels its own session: the job is cancelled, and says why.
--
CREATE FUNCTION cancels(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 5 THEN
		PERFORM pg_cancel_backend(pg_backend_pid());
		PERFORM pg_sleep(60);
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('cancels') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'cancels(num) AS y');
SELECT * FROM last;

-- A timeout is a failure.
CREATE FUNCTION sleeps(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN IF x = 5 THEN PERFORM pg_sleep(60); END IF; RETURN x; END';
SELECT checkpoint.begin_job('sleeps') > 0 AS begun;
SET statement_timeout = '3s';
CALL checkpoint.map('m', 'SELECT num FROM src', 'sleeps(num) AS y');
RESET statement_timeout;
SELECT status, substring(error FROM 'due to .* 57014') FROM last;

--
-- The step's transactions are read-write whatever the function sets ...
--
CREATE FUNCTION read_only(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	SET default_transaction_read_only = on;
	SET transaction_read_only = on;
	IF x = NULLIF(current_setting('test.' || 'fails_at', true), '')::int THEN
		RAISE 'row %', x;
	END IF;
	RETURN x;
END $$;
SET checkpoint.batch_rows = 1;
SET checkpoint.commit_interval = 0;
SET test.fails_at = 5;
SELECT checkpoint.begin_job('read only') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'read_only(num) AS y');
SET default_transaction_read_only = off;
SELECT * FROM last;
SET test.fails_at = '';
SELECT checkpoint.begin_job('read only') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'read_only(num) AS y', workers => 2);
SET default_transaction_read_only = off;
SELECT checkpoint.end_job();
SELECT status, error, rows_kept + rows_computed AS rows FROM last;

-- ... and READ COMMITTED whatever the session's default is.
CREATE FUNCTION isolation(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF x = NULLIF(current_setting('test.' || 'fails_at', true), '')::int THEN
		RAISE 'row %', x;
	END IF;
	-- so that workers get rows, too
	PERFORM pg_sleep(0.02);
	RETURN current_setting('transaction_isolation');
END $$;
SET default_transaction_isolation = serializable;
SET test.fails_at = 5;
SELECT checkpoint.begin_job('isolation') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'isolation(num) AS y');
SET test.fails_at = '';
SELECT checkpoint.begin_job('isolation') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num, current_setting(''transaction_isolation'') AS of_input FROM src',
	'isolation(num) AS y', workers => 3);
SELECT checkpoint.output('m') AS output \gset
SELECT DISTINCT of_input, y FROM :output;
-- functions run in the caller's transaction
BEGIN;
SELECT checkpoint.end_job();
SHOW transaction_isolation;
COMMIT;
-- what a procedure does between its steps is in transactions as the session wants them
SELECT checkpoint.begin_job('isolation') > 0 AS begun;
DO $$
BEGIN
	RAISE NOTICE '%', current_setting('transaction_isolation');
	CALL checkpoint.query('q', 'SELECT num FROM src');
	RAISE NOTICE '%', current_setting('transaction_isolation');
END $$;
SELECT checkpoint.end_job();
RESET default_transaction_isolation;
SELECT status, error FROM last;

--
-- A commit that fails, by a constraint that is looked at so late
--
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent SELECT i FROM generate_series(1, 10) i WHERE i <> 5;
CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION defers(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO child VALUES (x);
	RETURN x;
END $$;
SELECT checkpoint.begin_job('defers') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'defers(num) AS y');
SELECT status, error FROM last;
-- in a worker
CREATE SEQUENCE arrived;
CREATE FUNCTION defers_in_worker(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) LIKE 'checkpoint%' THEN
		PERFORM nextval('failures.arrived');
		INSERT INTO failures.child VALUES (5);
	ELSE
		-- the session waits until a worker has got that far
		FOR i IN 1 .. 18000 LOOP
			EXIT WHEN (SELECT is_called FROM failures.arrived);
			PERFORM pg_sleep(0.01);
		END LOOP;
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('defers in worker') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM generate_series(1, 100) num', 'defers_in_worker(num) AS y', workers => 2);
SELECT status, error FROM last;
-- a function's error in a transaction that could not be committed either
CREATE FUNCTION defers_and_fails(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 2 THEN
		RAISE 'row %', x;
	END IF;
	INSERT INTO failures.child VALUES (5);
	RETURN x;
END $$;
SET checkpoint.commit_interval = '1h';
SELECT checkpoint.begin_job('defers and fails') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'defers_and_fails(num) AS y');
SELECT * FROM last;
TABLE child ORDER BY id;
RESET checkpoint.batch_rows;
RESET checkpoint.commit_interval;

-- Code that has computed no row is not in rows_by_code.
CREATE FUNCTION fails(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE ''row %'', x; END';
SELECT checkpoint.begin_job('no rows') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT num FROM src', 'fails(num) AS y');
SELECT state, rows_processed, rows_by_code FROM checkpoint.checkpoints WHERE job = 'no rows';

--
-- A later step of a failed script without the one that it reads
--
\set VERBOSITY default
SELECT checkpoint.begin_job('script') > 0 AS begun;
CALL checkpoint.query('first', 'SELECT num FROM src');
CALL checkpoint.map('second', 'SELECT num FROM first', 'fails(num) AS y');
SELECT checkpoint.begin_job('script') > 0 AS begun;
CALL checkpoint.map('second', 'SELECT num FROM first', 'num + 1 AS y');
CALL checkpoint.map('third', 'WITH x AS (SELECT * FROM src) SELECT num FROM x JOIN (SELECT num AS n FROM "first") f ON n = num', 'num + 1 AS y');
CALL checkpoint.query('third', 'SELECT num FROM src', probe => 'SELECT count(*) FROM first');
-- what is no step
CALL checkpoint.query('third', 'SELECT num FROM furst');
CALL checkpoint.query('third', 'SELECT num FROM failures.first');
-- names of steps mean nothing in udf
CALL checkpoint.query('first', 'SELECT num FROM src');
CALL checkpoint.map('second', 'SELECT num FROM src', '(SELECT max(num) FROM first) AS y');
CALL checkpoint.map('second', 'SELECT num FROM first', 'first.num + 1 AS y');
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA failures CASCADE;
