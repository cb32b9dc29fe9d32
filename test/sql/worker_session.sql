--
-- What a function does to its session, and what a worker has of the session.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA worker_session;
SET search_path = worker_session;
CREATE TABLE source AS SELECT i AS x FROM generate_series(1, 400) i;
CREATE ROLE regress_ckpt_other;
CREATE ROLE regress_ckpt_plain;
GRANT ALL ON SCHEMA worker_session TO regress_ckpt_plain, regress_ckpt_other;
GRANT SELECT ON source TO regress_ckpt_plain, regress_ckpt_other;
CREATE SEQUENCE arrived;
GRANT ALL ON SEQUENCE arrived TO PUBLIC;

-- returns what it is given when two processes have been here
CREATE FUNCTION meets(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('my.met', true) IS DISTINCT FROM 'yes' THEN
		PERFORM nextval('worker_session.arrived'), set_config('my.met', 'yes', false);
		FOR i IN 1 .. 18000 LOOP
			EXIT WHEN (SELECT last_value > 1 FROM worker_session.arrived);
			PERFORM pg_sleep(0.01);
		END LOOP;
	END IF;
	RETURN t || CASE WHEN (SELECT last_value > 1 FROM worker_session.arrived) THEN '' ELSE ', alone' END;
END $$;
CREATE FUNCTION anew() RETURNS void LANGUAGE sql
BEGIN ATOMIC
	SELECT setval('worker_session.arrived', 1, false), set_config('my.met', '', false);
END;

--
-- Rule 16: each row is computed as the job's owner, whatever the function has
-- made of its role at the row before, and the session is who it was.
--
CREATE FUNCTION takes_role(x int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	who text := current_user || ', role ' || current_setting('role');
BEGIN
	IF x % 3 = 0 THEN
		SET ROLE regress_ckpt_other;
	ELSIF x % 3 = 1 THEN
		RESET ROLE;
	ELSE
		SET SESSION AUTHORIZATION regress_ckpt_other;
	END IF;
	RETURN who;
END $$;
SET ROLE regress_ckpt_plain;
CREATE TEMP TABLE before AS SELECT current_user AS cu, session_user AS su, current_setting('role') AS role,
	current_setting('session_authorization') AS sa;
SELECT checkpoint.begin_job('role') AS job \gset
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM source', 'takes_role(x) AS who');
CALL checkpoint.query('q', 'SELECT takes_role(x) AS who FROM source');
RESET client_min_messages;
SELECT (cu, su, role, sa) = (current_user, session_user, current_setting('role'), current_setting('session_authorization')) AS same
FROM before;
SELECT checkpoint.output('m') AS output \gset
SELECT who, count(*) FROM :output GROUP BY who;
SELECT checkpoint.end_job();
RESET ROLE;
SELECT current_setting('role');

--
-- A function that releases all advisory locks fails the step, with one error and
-- nothing else, and the rerun may begin.
--
CREATE FUNCTION unlocks(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_unlock_all();
	RETURN x;
END $$;
SELECT checkpoint.begin_job('unlocks') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'unlocks(x) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM checkpoint.jobs WHERE name = 'unlocks';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
CREATE OR REPLACE FUNCTION unlocks(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
SELECT checkpoint.begin_job('unlocks') AS job \gset
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM source', 'unlocks(x) AS y');
RESET client_min_messages;
SELECT checkpoint.end_job();
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

--
-- A worker has each setting that the session has, also those that the session's
-- user could not set any more.
--
SET session_replication_role = replica;
SET log_min_duration_statement = '1h';
SET client_encoding = latin1;
SET my.own = 'é';
SET SESSION AUTHORIZATION regress_ckpt_plain;
CREATE FUNCTION settings() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(', ', current_user, session_user, current_setting('session_replication_role'),
		current_setting('log_min_duration_statement'), current_setting('client_encoding'),
		length(current_setting('my.own')));
$$;
SELECT settings();
SELECT checkpoint.begin_job('settings') AS job \gset
SELECT FROM anew();
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM source', 'meets(settings()) AS y', workers => 2);
RESET client_min_messages;
SELECT checkpoint.output('m') AS output \gset
SELECT y, count(*) FROM :output GROUP BY y;
SELECT checkpoint.end_job();
RESET SESSION AUTHORIZATION;
RESET session_replication_role; RESET log_min_duration_statement; RESET client_encoding;

--
-- What is temporary a worker does not have: functions, types, operators.
--
CREATE FUNCTION pg_temp.t(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1';
CREATE DOMAIN pg_temp.d AS int;
CREATE FUNCTION pg_temp.plus(x int, y int) RETURNS int LANGUAGE sql AS 'SELECT x + y';
CREATE OPERATOR pg_temp.%%% (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_temp.plus);
SELECT checkpoint.begin_job('temporary') AS job \gset
CALL checkpoint.map('f', 'SELECT x FROM source', 'pg_temp.t(x) AS y', workers => 2);
CALL checkpoint.map('d', 'SELECT x FROM source', '(x::pg_temp.d)::text AS y', workers => 2);
CALL checkpoint.map('o', 'SELECT x FROM source', 'x OPERATOR(pg_temp.%%%) 1 AS y', workers => 2);
CALL checkpoint.map('a', 'SELECT x FROM source', 'array_length(ARRAY[x]::pg_temp.d[], 1) AS y', workers => 2);
CALL checkpoint.gen('s', 'SELECT x FROM source', 'unnest(ARRAY(SELECT pg_temp.t(x))) AS y', workers => 2);
SELECT checkpoint.end_job();

--
-- The locks of a job go with the extension: made anew, it has other jobs.
--
SELECT checkpoint.begin_job('dropped') AS job \gset
SELECT pg_advisory_lock(1);
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT pg_advisory_unlock(1);
CREATE EXTENSION checkpoint;
DROP SCHEMA worker_session CASCADE;
DROP OWNED BY regress_ckpt_other, regress_ckpt_plain;
DROP ROLE regress_ckpt_other, regress_ckpt_plain;
