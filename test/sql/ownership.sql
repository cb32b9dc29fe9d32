--
-- Rule 16: each role sees and touches only its own jobs, checkpoints and tables;
-- members of the owning role too, superusers all.  User functions run as the
-- user who started the job.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_ann;
CREATE ROLE regress_bob;
CREATE ROLE regress_member IN ROLE regress_ann;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA own;
GRANT USAGE ON SCHEMA own TO PUBLIC;
SET search_path = own;
CREATE TABLE source (x int, secret text);
INSERT INTO source SELECT n, 'secret ' || n FROM generate_series(1, 4) n;
GRANT SELECT (x) ON source TO regress_ann, regress_bob;
CREATE FUNCTION who(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN current_user || ' ' || session_user || ' ' || x;
END $$;
SET test.fails_on = 3;

--
-- A role that may create nothing runs a whole job: it fails, is rerun and ends.
--
SET ROLE regress_ann;
SELECT has_schema_privilege('checkpoint_data', 'CREATE') AS data, has_schema_privilege('own', 'CREATE') AS own,
	has_database_privilege(current_database(), 'CREATE') AS database;
SELECT checkpoint.begin_job('job') AS ann_job \gset
CALL checkpoint.map('m', 'SELECT x FROM own.source ORDER BY x', 'own.who(x) AS who');
SELECT checkpoint_id AS ann_cp FROM checkpoint.checkpoints \gset
SELECT count(*) FROM checkpoint.remainder(NULL::checkpoint_data.job_m_1_input);
SELECT count(*) FROM checkpoint.remaining_ids(:ann_cp);

--
-- Another role sees nothing of it, and may not touch it.
--
SET ROLE regress_bob;
SELECT count(*) FROM checkpoint.jobs;
SELECT count(*) FROM checkpoint.steps;
SELECT count(*) FROM checkpoint.checkpoints;
-- a cheap function that tells is no way around it
CREATE FUNCTION pg_temp.tell(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
	RAISE NOTICE 'told %', t;
	RETURN true;
END $$;
SELECT count(*) FROM checkpoint.jobs WHERE pg_temp.tell(name);
SELECT count(*) FROM checkpoint.checkpoints WHERE pg_temp.tell(job);
\set VERBOSITY sqlstate
SELECT checkpoint.output('m', :ann_job);
SELECT * FROM checkpoint.remaining_ids(:ann_cp);
SELECT * FROM checkpoint.processed_ids(:ann_cp);
SELECT checkpoint.is_processed(:ann_cp, 1);
SELECT * FROM checkpoint.remainder(NULL::checkpoint_data.job_m_1_input);
SELECT * FROM checkpoint_data.job_m_1_input;
SELECT * FROM checkpoint_data.job_m_1_output;
CALL checkpoint.query('q', 'SELECT 1 AS one', job => :ann_job);
CALL checkpoint.map('q', 'SELECT 1 AS one', 'one AS two', job => :ann_job);
CALL checkpoint.save('pg_temp.v', 'SELECT 1 AS one', job => :ann_job);
SELECT checkpoint.end_job(:ann_job);
SELECT checkpoint.fail_job('by bob', :ann_job);
SELECT set_config('checkpoint.job', :'ann_job', false) IS NOT NULL AS set;
CALL checkpoint.query('q', 'SELECT 1 AS one');
SELECT checkpoint.end_job();
SET checkpoint.job = '';
-- nor are the catalogs open to anybody
SELECT count(*) FROM checkpoint.job;
SELECT count(*) FROM checkpoint.step;
SELECT count(*) FROM checkpoint.checkpoint;
SELECT count(*) FROM checkpoint.code_version;
SELECT count(*) FROM checkpoint.processed;
UPDATE checkpoint.job SET status = 'complete';
DELETE FROM checkpoint.processed;
DELETE FROM checkpoint.jobs;
SELECT nextval('checkpoint.job_job_id_seq');
CREATE TABLE checkpoint_data.mine (x int);
CREATE TABLE checkpoint.mine (x int);
\set VERBOSITY terse
RESET ROLE;
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint'::regnamespace AND relkind IN ('r', 'S') AND
	(has_table_privilege('regress_bob', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'));
-- no function of the extension runs with its rights
SELECT count(*) FROM pg_proc WHERE pronamespace = 'checkpoint'::regnamespace AND prosecdef;

--
-- A job of the same name is another run group, and nothing is reused across roles.
--
SET ROLE regress_bob;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('job') AS bob_job \gset
CALL checkpoint.map('m', 'SELECT x FROM own.source ORDER BY x', 'own.who(x) AS who');
SELECT checkpoint.output('m') AS output \gset
SELECT DISTINCT split_part(who, ' ', 1) AS who FROM :output;
SELECT rerun_of, owner, status FROM checkpoint.jobs;
SELECT checkpoint.end_job();
-- what bob may not read, make or call he may not by way of a step either
SELECT checkpoint.begin_job('secret') AS bob_job2 \gset
CALL checkpoint.query('q', 'SELECT secret FROM own.source');
SELECT checkpoint.begin_job('secret') AS bob_job2 \gset
CALL checkpoint.map('q', 'SELECT 1 AS one', '(SELECT max(secret) FROM own.source) AS s');
SELECT checkpoint.begin_job('secret') AS bob_job2 \gset
CALL checkpoint.map('q', 'SELECT 1 AS one', 'pg_read_file(''PG_VERSION'')');
SELECT checkpoint.begin_job('secret') AS bob_job2 \gset
CALL checkpoint.save('own.v', 'SELECT 1 AS one');
SELECT checkpoint.fail_job('nothing was allowed');

--
-- The rerun; result tables belong to the user; functions run as the user.
--
SET ROLE regress_ann;
SELECT checkpoint.begin_job('job') AS ann_job2 \gset
CALL checkpoint.map('m', 'SELECT x FROM own.source ORDER BY x', 'own.who(x) AS who');
CALL checkpoint.gen('g', 'SELECT * FROM m', 'generate_series(1, x) AS n');
CALL checkpoint.query('q', 'SELECT count(*) AS n FROM g');
SELECT checkpoint.output('m') AS output \gset
SELECT x, replace(who, session_user, 'superuser') AS who FROM :output ORDER BY x;
SELECT checkpoint.end_job();
SELECT job_id = :ann_job2 AS second, rerun_of = :ann_job AS of_first, owner, status FROM checkpoint.jobs;
SELECT relname, relowner::regrole FROM pg_class
WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r' ORDER BY oid;

--
-- Members of the owning role see and touch it too.
--
SET ROLE regress_member;
SELECT name, owner, status FROM checkpoint.jobs ORDER BY job_id;
SELECT count(*) FROM checkpoint.steps;
SELECT count(*), count(DISTINCT owner) FROM checkpoint.checkpoints;
SELECT count(*) FROM checkpoint.processed_ids(:ann_cp);
SELECT count(*) FROM :output;
SELECT checkpoint.output('m', :ann_job2) = :'output'::regclass AS same;
-- but a job of the member's is the member's
SELECT checkpoint.begin_job('job') AS member_job \gset
SELECT rerun_of, owner, status FROM checkpoint.jobs WHERE job_id = :member_job;
CALL checkpoint.map('m', 'SELECT x FROM own.source ORDER BY x', 'own.who(x) AS who');
SELECT checkpoint.end_job();
-- a member goes on with a job of the role: functions run as the job's owner
SET ROLE regress_ann;
SELECT checkpoint.begin_job('shared', attach => false) AS shared \gset
SET ROLE regress_member;
CALL checkpoint.map('m', 'SELECT x, current_user AS query_user FROM own.source', 'own.who(x) AS who', job => :shared);
SELECT checkpoint.output('m', :shared) AS output \gset
SELECT x, query_user, split_part(who, ' ', 1) AS udf_user FROM :output ORDER BY x;
-- so they do when a superuser goes on with it
RESET ROLE;
CALL checkpoint.map('m2', 'SELECT x + 1 AS x FROM own.source', 'own.who(x) AS who', job => :shared);
SELECT checkpoint.output('m2', :shared) AS output2 \gset
SELECT DISTINCT split_part(who, ' ', 1) AS udf_user FROM :output2;
CALL checkpoint.query('secret', 'SELECT secret FROM own.source', job => :shared);
SELECT checkpoint.fail_job('by a superuser', :shared);
SELECT relowner::regrole FROM pg_class WHERE oid IN (:'output'::regclass, :'output2'::regclass);
SELECT owner, status FROM checkpoint.jobs WHERE job_id = :shared;
-- also the functions of an index on the output
CREATE FUNCTION told(who text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'index function runs as %', current_user;
	RETURN who;
END $$;
SELECT current_setting('test.' || 'fails_on') AS fails_on \gset
SET test.fails_on = 2;
SET ROLE regress_ann;
SELECT checkpoint.begin_job('indexed', attach => false) AS indexed \gset
CALL checkpoint.map('m', 'SELECT x FROM own.source ORDER BY x', 'own.who(x) AS who', cache_version => 'indexed', job => :indexed);
SELECT output_table AS output FROM checkpoint.steps WHERE job_id = :indexed \gset
SELECT checkpoint.begin_job('indexed', attach => false) AS indexed \gset
RESET ROLE;
CREATE INDEX ON :output (told(who));
SET test.fails_on = 0;
CALL checkpoint.map('m', 'SELECT x FROM own.source ORDER BY x', 'own.who(x) AS who', cache_version => 'indexed', job => :indexed);
SELECT checkpoint.end_job(:indexed);
SET test.fails_on = :fails_on;

-- Membership goes one way.
SET ROLE regress_ann;
SELECT count(*) FROM checkpoint.jobs WHERE owner = 'regress_member';
-- Superusers see all.
RESET ROLE;
SELECT owner, count(*) FROM checkpoint.jobs GROUP BY 1 ORDER BY 1;

--
-- What was computed under row-level security is not reused across roles.
--
CREATE TABLE secured (owner name, x int);
INSERT INTO secured VALUES ('regress_ann', 1), ('regress_ann', 2), ('regress_bob', 3);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON secured USING (owner = current_user);
GRANT SELECT ON secured TO regress_ann, regress_bob;
SET ROLE regress_ann;
SELECT checkpoint.begin_job('rls') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM own.secured', 'x + 1 AS y');
SELECT checkpoint.end_job();
SET ROLE regress_bob;
SELECT checkpoint.begin_job('rls') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM own.secured', 'x + 1 AS y');
SELECT checkpoint.output('m') AS output \gset
SELECT x FROM :output;
SELECT checkpoint.end_job();

RESET ROLE;
--
-- The owner's code can do no more than the owner in a superuser's call: it leaves
-- nothing behind that the superuser would run.
--
CREATE TABLE own.checked (x int);
GRANT INSERT ON own.checked TO regress_ann;
CREATE FUNCTION own.tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'trigger runs as %', current_user;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER tells AFTER INSERT ON own.checked DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION own.tells();
CREATE FUNCTION own.leaves_trigger(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO own.checked VALUES (x);
	RETURN x;
END $$;
CREATE FUNCTION own.leaves_table(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE IF NOT EXISTS left_behind (x int);
	RETURN x;
END $$;
CREATE FUNCTION own.becomes(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RESET ROLE;
	RETURN x;
END $$;
SET ROLE regress_ann;
SELECT checkpoint.begin_job('restricted', attach => false) AS restricted \gset
RESET ROLE;
SET client_min_messages = warning;
CALL checkpoint.map('trigger', 'SELECT 1 AS x', 'own.leaves_trigger(x) AS y', job => :restricted);
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_ann;
SELECT checkpoint.begin_job('restricted', attach => false) AS restricted \gset
RESET ROLE;
CALL checkpoint.map('table', 'SELECT 1 AS x', 'own.leaves_table(x) AS y', job => :restricted);
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_ann;
SELECT checkpoint.begin_job('restricted', attach => false) AS restricted \gset
RESET ROLE;
CALL checkpoint.map('role', 'SELECT 1 AS x', 'own.becomes(x) AS y', job => :restricted);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS checked, to_regclass('left_behind') IS NULL AS none FROM own.checked;
-- in a call of its own all that is allowed
SET ROLE regress_ann;
SELECT checkpoint.begin_job('restricted') AS restricted \gset
SET client_min_messages = notice;
CALL checkpoint.map('trigger', 'SELECT 1 AS x', 'own.leaves_trigger(x) AS y');
CALL checkpoint.map('table', 'SELECT 1 AS x', 'own.leaves_table(x) AS y');
SELECT checkpoint.end_job();
RESET ROLE;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA own CASCADE;
DROP OWNED BY regress_ann, regress_bob, regress_member;
DROP ROLE regress_ann, regress_bob, regress_member;
