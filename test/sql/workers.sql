--
-- workers => N: the calling session and N - 1 background processes.  What comes
-- out is what one process gives, whichever process computes which row.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA workers;
SET search_path = workers;
CREATE TABLE source (x int, t text);
INSERT INTO source SELECT i, 'text ' || i FROM generate_series(1, 2000) i;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('workers.calls') - 1;
BEGIN
	PERFORM setval('workers.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION f(x int, t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('workers.calls');
	RETURN CASE WHEN x % 10 > 0 THEN t || '!' END;
END $$;
CREATE FUNCTION g(x int) RETURNS TABLE (a int, b text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('workers.calls');
	FOR i IN 1 .. x % 4 LOOP
		a := i; b := 'row ' || x;
		RETURN NEXT;
	END LOOP;
END $$;

--
-- Bad numbers.
--
SELECT checkpoint.begin_job('numbers') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source', 'f(x, t) AS y', workers => 0);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.map('m', 'SELECT * FROM source', 'f(x, t) AS y', workers => -1);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.gen('m', 'SELECT * FROM source', 'g(x)', workers => 100000);
\echo :LAST_ERROR_SQLSTATE
SET checkpoint.workers = 0;
\echo :LAST_ERROR_SQLSTATE
-- such a refusal changes nothing
SELECT calls();
SELECT checkpoint.end_job();

--
-- The rows are those of the plain statement, and each is computed once.
--
SELECT checkpoint.begin_job('rows') AS job \gset
CALL checkpoint.map('m2', 'SELECT * FROM source', 'f(x, t) AS y2', workers => 2);
SELECT calls();
CALL checkpoint.map('m3', 'SELECT * FROM source', 'f(x, t) AS y3', workers => 3);
SELECT calls();
SET checkpoint.workers = 4;
CALL checkpoint.map('m4', 'SELECT * FROM source', 'f(x, t) AS y4');
RESET checkpoint.workers;
SELECT calls();
CALL checkpoint.gen('g2', 'SELECT * FROM source', 'g(x)', workers => 2);
SELECT calls();
CALL checkpoint.gen('g3', 'SELECT x FROM source', 'g(x)', workers => 3);
SELECT calls();
CREATE FUNCTION same_map(step text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	same boolean;
BEGIN
	EXECUTE format('SELECT NOT EXISTS (
		(TABLE %1$s EXCEPT ALL SELECT i.sys__id, s.x, s.t, f(s.x, s.t) FROM source s JOIN %1$s i USING (x)) UNION ALL
		(SELECT i.sys__id, s.x, s.t, f(s.x, s.t) FROM source s JOIN %1$s i USING (x) EXCEPT ALL TABLE %1$s))
		AND (SELECT array_agg(sys__id ORDER BY sys__id) = ARRAY(SELECT generate_series(1, 2000)::bigint) FROM %1$s)',
		checkpoint.output(step)) INTO same;
	PERFORM calls();
	RETURN same;
END $$;
SELECT same_map('m2'), same_map('m3'), same_map('m4');
CREATE FUNCTION same_gen(step text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	same boolean;
	numbered boolean;
BEGIN
	EXECUTE format('SELECT NOT EXISTS (
		(SELECT a, b FROM %1$s EXCEPT ALL SELECT a, b FROM source, g(x)) UNION ALL
		(SELECT a, b FROM source, g(x) EXCEPT ALL SELECT a, b FROM %1$s)),
		count(DISTINCT sys__id) = count(*) AND count(DISTINCT sys__input_id) = 1500 AND min(sys__id) >= 1 FROM %1$s',
		checkpoint.output(step)) INTO same, numbered;
	PERFORM calls();
	RETURN same AND numbered;
END $$;
SELECT same_gen('g2'), same_gen('g3');
SELECT step, action, rows_total, rows_computed, rows_output FROM checkpoint.steps
WHERE job_id = :job ORDER BY step COLLATE "C";
-- which content hashes agree with: the same rows have the same hash
CALL checkpoint.map('alone', 'SELECT * FROM source', 'f(x, t) AS y2', cache_enabled => false);
SELECT count(DISTINCT content_hash) = 1 AS same FROM checkpoint.checkpoints WHERE step IN ('m2', 'alone');
SELECT calls();
SELECT checkpoint.end_job();

-- Few rows, or none; fewer rows than workers.
SELECT checkpoint.begin_job('few') AS job \gset
CALL checkpoint.map('none', 'SELECT * FROM source WHERE false', 'f(x, t) AS y', workers => 4);
CALL checkpoint.map('one', 'SELECT * FROM source WHERE x = 1', 'f(x, t) AS y', workers => 4);
CALL checkpoint.gen('two', 'SELECT * FROM source WHERE x < 3', 'g(x)', workers => 4);
SELECT calls();
SELECT checkpoint.end_job();

--
-- The worker is as the session is: user, role, search_path, the user's settings,
-- also those that nobody has defined.
--
CREATE ROLE regress_ckpt_login LOGIN;
CREATE ROLE regress_ckpt_role;
GRANT regress_ckpt_role TO regress_ckpt_login;
GRANT USAGE, CREATE ON SCHEMA workers TO regress_ckpt_login, regress_ckpt_role;
GRANT SELECT ON source TO regress_ckpt_role, regress_ckpt_login;
GRANT USAGE ON SEQUENCE calls TO regress_ckpt_role, regress_ckpt_login;
CREATE FUNCTION sees(x int) RETURNS text LANGUAGE sql VOLATILE AS $$
SELECT concat_ws('|', session_user <> 'regress_ckpt_login', current_user, current_setting('role'), current_setting('search_path'),
	current_setting('is_superuser'), current_setting('myapp.tenant', true), current_setting('myapp.local', true),
	current_setting('work_mem'), current_setting('DateStyle'), current_setting('TimeZone'),
	current_setting('extra_float_digits'), current_setting('statement_timeout'), current_setting('bytea_output'),
	current_setting('lc_messages'), current_setting('checkpoint.batch_rows'), current_setting('transaction_isolation'),
	current_setting('transaction_read_only'), current_setting('session_replication_role'))
$$;
-- Session and worker wait at their first row until the other has one, for 5 min
-- at most.
CREATE SEQUENCE arrived;
CREATE SEQUENCE begun;
GRANT USAGE, SELECT, UPDATE ON SEQUENCE arrived, begun TO regress_ckpt_role, regress_ckpt_login;
CREATE FUNCTION sees_slowly(x int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	give_up timestamptz := clock_timestamp() + '5 min';
	is_worker boolean := pg_backend_pid() <> current_setting('myapp.leader')::int;
BEGIN
	PERFORM nextval(CASE WHEN is_worker THEN 'workers.arrived' ELSE 'workers.begun' END);
	WHILE NOT (SELECT a.is_called AND b.is_called FROM workers.arrived a, workers.begun b) LOOP
		PERFORM pg_sleep(0.01);
		IF clock_timestamp() > give_up THEN
			RAISE 'session and worker have not both had a row for 5 min';
		END IF;
	END LOOP;
	RETURN workers.sees(x) || CASE WHEN is_worker THEN ' ' ELSE '' END;
END $$;
SET myapp.leader = 0;
SELECT set_config('myapp.leader', pg_backend_pid()::text, false) <> '' AS set;
SET myapp.tenant = 'it''s "quoted", and has
two lines';
SET work_mem = '4567kB';
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Kathmandu';
SET extra_float_digits = 0;
SET statement_timeout = '1h';
SET bytea_output = 'escape';
SET checkpoint.batch_rows = 3;
SET search_path = workers, "no such ""schema""", pg_temp;
SET session_replication_role = replica;

-- as_session says whether all rows saw what the session sees, and how many
-- processes there were.
CREATE FUNCTION as_session(step text) RETURNS TABLE (seen bigint, as_session boolean, processes bigint)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(DISTINCT rtrim(y, '' '')), bool_and(rtrim(y, '' '') = workers.sees(1)), count(DISTINCT y) FROM %s',
		checkpoint.output(step));
	PERFORM setval('workers.arrived', 1, false), setval('workers.begun', 1, false);
END $$;
SELECT checkpoint.begin_job('as superuser') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 300', 'sees_slowly(x) AS y', workers => 2);
SELECT * FROM as_session('m');
SELECT checkpoint.end_job();
RESET session_replication_role;

-- a role that the session has taken
SET ROLE regress_ckpt_role;
SELECT checkpoint.begin_job('as role') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 300', 'sees_slowly(x) AS y', workers => 2);
SELECT * FROM as_session('m');
SELECT tableowner FROM pg_tables WHERE schemaname = 'checkpoint_data' AND tablename = 'as role_m_' ||
	(SELECT checkpoint_id FROM checkpoint.checkpoints WHERE job = 'as role') || '_output';
SELECT checkpoint.end_job();
RESET ROLE;

-- another user, and a role of that user's
SET SESSION AUTHORIZATION regress_ckpt_login;
SELECT checkpoint.begin_job('as user') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 300', 'sees_slowly(x) AS y', workers => 2);
SELECT * FROM as_session('m');
SELECT checkpoint.end_job();
SET ROLE regress_ckpt_role;
SELECT checkpoint.begin_job('as user and role') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 300', 'sees_slowly(x) AS y', workers => 2, cache_enabled => false);
SELECT * FROM as_session('m');
SELECT checkpoint.end_job();
RESET ROLE;
RESET SESSION AUTHORIZATION;
-- a user that could not log in
ALTER ROLE regress_ckpt_login NOLOGIN;
SET SESSION AUTHORIZATION regress_ckpt_login;
SELECT checkpoint.begin_job('as nologin') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 300', 'sees_slowly(x) AS y', workers => 2, cache_enabled => false);
SELECT * FROM as_session('m');
SELECT checkpoint.end_job();
RESET SESSION AUTHORIZATION;
ALTER ROLE regress_ckpt_login LOGIN;
SET SESSION AUTHORIZATION regress_ckpt_login;

-- user code has no more rights in a worker than in the session
CREATE FUNCTION peeks(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM workers.sees_slowly(x);
	RETURN (SELECT count(*) FROM workers.secret);
END $$;
RESET SESSION AUTHORIZATION;
CREATE TABLE secret (x int);
SET SESSION AUTHORIZATION regress_ckpt_login;
SELECT checkpoint.begin_job('peeks') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source LIMIT 300', 'peeks(x) AS y', workers => 2, on_error => 'skip', max_errors => 1000);
SELECT sqlstate, message, count(*) FROM checkpoint.errors GROUP BY 1, 2;
SELECT checkpoint.end_job();
RESET SESSION AUTHORIZATION;
RESET work_mem; RESET DateStyle; RESET TimeZone; RESET extra_float_digits; RESET statement_timeout;
RESET bytea_output; RESET checkpoint.batch_rows;
SET search_path = workers;

--
-- Rule 7 for an error in a worker: it arrives as it was, with the row, and all
-- rows that were computed before it, by any process, are kept.
--
CREATE FUNCTION deeper(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'UW001', MESSAGE = 'only a worker fails',
		DETAIL = 'The detail,' || chr(10) || 'in two lines.', HINT = 'The hint.',
		SCHEMA = 'a schema', TABLE = 'a table', COLUMN = 'a column', DATATYPE = 'a type', CONSTRAINT = 'a constraint';
END $$;
-- The first row of a worker fails; the session's rows wait until it has: a row of
-- the session's that has begun is one of those that are kept.
CREATE FUNCTION fails_in_worker(x int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	give_up timestamptz := clock_timestamp() + '5 min';
BEGIN
	IF pg_backend_pid() <> current_setting('myapp.leader')::int THEN
		PERFORM nextval('workers.arrived');
		RETURN workers.deeper(x);
	END IF;
	PERFORM nextval('workers.calls');
	WHILE NOT (SELECT is_called FROM workers.arrived) LOOP
		PERFORM pg_sleep(0.01);
		IF clock_timestamp() > give_up THEN
			RAISE 'no worker has had a row for 5 min';
		END IF;
	END LOOP;
	RETURN x;
END $$;
SELECT setval('arrived', 1, false);
SELECT checkpoint.begin_job('error') AS job \gset
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CALL checkpoint.map('m', 'SELECT x FROM source', 'fails_in_worker(x) AS y', workers => 2);
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
SELECT status, regexp_replace(error, '\d+\)$', '<n>)') AS error FROM checkpoint.jobs WHERE name = 'error';
-- rows kept = calls that the session made
SELECT c.rows_processed = s.rows_computed AND c.rows_processed = calls() AS kept, s.action
FROM checkpoint.checkpoints c JOIN checkpoint.steps s USING (checkpoint_id) WHERE c.job = 'error';
-- the row in the message is not processed
SELECT checkpoint.is_processed(checkpoint_id, substring(error FROM 'sys__id (\d+)')::bigint)
FROM checkpoint.jobs j JOIN checkpoint.checkpoints c USING (job_id) WHERE j.name = 'error';

-- a failing row among many processes, known exactly; others go on under 'skip'
CREATE FUNCTION bad(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('workers.calls');
	RETURN 100 / (x % 500);
END $$;
SELECT checkpoint.begin_job('skip') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'bad(x) AS y', workers => 3, on_error => 'skip');
SELECT calls();
SELECT sys__id, sqlstate, message, attempts FROM checkpoint.errors WHERE job = 'skip';
SELECT checkpoint.end_job();
-- max_errors is for all processes together
SELECT checkpoint.begin_job('budget') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'bad(x) AS y2', workers => 3, on_error => 'skip', max_errors => 3);
SELECT count(*) FROM checkpoint.errors WHERE job = 'budget';
SELECT calls() > 0 AS called;
-- a row that fails at any process stops all; the rerun calls none that is kept
SELECT checkpoint.begin_job('stop') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'bad(x) AS y3', workers => 2);
SELECT calls() - 1 - rows_processed <= 1 AS lost_none FROM checkpoint.checkpoints WHERE job = 'stop';
SELECT rows_processed AS processed FROM checkpoint.checkpoints WHERE job = 'stop' \gset
CREATE OR REPLACE FUNCTION bad(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('workers.calls');
	RETURN 100 / nullif(x % 500, 0);
END $$;
SELECT checkpoint.begin_job('stop') AS job \gset
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'bad(x) AS y3', workers => 2);
RESET client_min_messages;
SELECT calls() + :processed AS total;
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(DISTINCT x), count(*) - count(y3) AS nulls FROM :output;
SELECT checkpoint.end_job();

--
-- Functions that are parallel unsafe, and functions that write.
--
CREATE TABLE written (x int PRIMARY KEY);
CREATE FUNCTION writes(x int) RETURNS int LANGUAGE plpgsql PARALLEL UNSAFE AS $$
BEGIN
	INSERT INTO workers.written VALUES (x);
	CREATE TEMP TABLE IF NOT EXISTS scratch (x int) ON COMMIT DELETE ROWS;
	RETURN x;
END $$;
SET client_min_messages = warning;
SELECT checkpoint.begin_job('writes') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'writes(x) AS y', workers => 2);
SELECT count(*) FROM written;
SELECT checkpoint.end_job();

-- Deadlocks: who is chosen tries again, and what was written is what is kept.
CREATE TABLE counters (id int PRIMARY KEY, n int);
INSERT INTO counters VALUES (0, 0), (1, 0);
CREATE FUNCTION counts(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	UPDATE workers.counters SET n = n + 1 WHERE id = x % 2;
	UPDATE workers.counters SET n = n + 1 WHERE id = 1 - x % 2;
	RETURN x;
END $$;
SET checkpoint.commit_interval = '1ms';
SET deadlock_timeout = '10ms';
SELECT checkpoint.begin_job('deadlocks') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x <= 400', 'counts(x) AS y', workers => 2, retries => 1000);
SELECT * FROM counters ORDER BY id;
SELECT checkpoint.end_job();
RESET checkpoint.commit_interval;
RESET deadlock_timeout;

-- A worker does not see what is temporary: a step whose udf reads that has none.
CREATE TABLE shadowed AS SELECT 'worker' AS who;
CREATE TEMP TABLE shadowed AS SELECT 'session' AS who;
SET client_min_messages = notice;
SELECT checkpoint.begin_job('shadowed') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x <= 400',
	'(SELECT who FROM shadowed WHERE pg_sleep(0.001 * sign(x)) IS NOT NULL) AS who', workers => 2);
SELECT checkpoint.output('m') AS output \gset
SELECT who, count(*) FROM :output GROUP BY who;
SELECT checkpoint.end_job();
SET client_min_messages = warning;
DROP TABLE pg_temp.shadowed, workers.shadowed;
-- where that cannot be seen, it is on record that its code is not the session's
DO $$ BEGIN PERFORM setval('arrived', 1, false), setval('begun', 1, false); END $$;
CREATE VIEW shadowed AS SELECT 'worker' AS who;
CREATE TEMP VIEW shadowed AS SELECT 'session' AS who;
CREATE FUNCTION who(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM sees_slowly(x);
	RETURN (SELECT who FROM shadowed);
END $$;
SELECT checkpoint.begin_job('shadowed view') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x <= 400', 'who(x) AS who', workers => 2);
SELECT checkpoint.output('m') AS output \gset
SELECT (SELECT array_agg(n::int ORDER BY n::int) FROM jsonb_each_text(c.rows_by_code) AS e(hash, n)) =
	(SELECT array_agg(n ORDER BY n) FROM (SELECT count(*)::int AS n FROM :output GROUP BY who) o) AS same,
	(SELECT count(DISTINCT who) FROM :output)
FROM checkpoint.checkpoints c WHERE job = 'shadowed view';
SELECT checkpoint.end_job();
DROP VIEW pg_temp.shadowed;
RESET client_min_messages;

-- Nothing is left of any worker: no process, no lock.
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'checkpoint worker' AND datname = current_database();
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA workers CASCADE;
DROP OWNED BY regress_ckpt_login, regress_ckpt_role;
DROP ROLE regress_ckpt_login, regress_ckpt_role;
