--
-- DROP EXTENSION does what a DBA expects: it takes result tables along only if it is
-- told so, and not at all those that a step of this session works on.  After it
-- a new one begins from nothing.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA dropped;
SET search_path = dropped;
\pset format unaligned

-- nothing is there
DROP EXTENSION checkpoint;
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'checkpoint%';
SELECT count(*) FROM pg_settings WHERE name = 'checkpoint.retention';
SELECT checkpoint.begin_job('job');
CREATE EXTENSION checkpoint;

SELECT checkpoint.begin_job('job');
CALL checkpoint.query('q', 'SELECT 1 AS x');
CALL checkpoint.save('dropped.target', 'SELECT x FROM q');
SELECT checkpoint.end_job();
-- (the details list tables in an order that is the server's)
\set VERBOSITY terse
DROP EXTENSION checkpoint;
SELECT * FROM target;
-- it may drop all it has before
CALL checkpoint.drop_job('job');
DROP VIEW target;
CALL checkpoint.drop_job('job');
DROP EXTENSION checkpoint;
CREATE EXTENSION checkpoint;

-- with all of it, while a job of the session is open
SELECT checkpoint.begin_job('job');
CALL checkpoint.save('dropped.target', 'SELECT 1 AS x');
DROP EXTENSION checkpoint CASCADE;
SELECT to_regclass('dropped.target'), to_regnamespace('checkpoint_data');
CREATE EXTENSION checkpoint;
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('job');
CALL checkpoint.save('dropped.target', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
SELECT name, status FROM checkpoint.jobs;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

-- in a transaction that is rolled back, nothing has happened
BEGIN;
DROP EXTENSION checkpoint CASCADE;
ROLLBACK;
SELECT * FROM target;
SELECT checkpoint.begin_job('job');
CALL checkpoint.save('dropped.target', 'SELECT 1 AS x');
SELECT action FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;
SELECT checkpoint.end_job();

-- from within its own step
CREATE FUNCTION drops() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	DROP EXTENSION checkpoint CASCADE;
	RETURN 1;
END $$;
SELECT checkpoint.begin_job('own');
\set VERBOSITY sqlstate
CALL checkpoint.map('m', 'SELECT 1 AS x', 'drops() AS y');
SELECT name, status FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
SELECT * FROM target;

SET client_min_messages = warning;
DROP SCHEMA dropped CASCADE;
