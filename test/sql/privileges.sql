--
-- Rule 16: what PUBLIC has is enough for all on one's own jobs, and good for nothing
-- on others'.  (See also ownership, owners and grants.)
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_victim;
CREATE ROLE regress_member IN ROLE regress_victim;
CREATE ROLE regress_thief;
CREATE SCHEMA privileges AUTHORIZATION regress_victim;
GRANT USAGE ON SCHEMA privileges TO PUBLIC;
SET search_path = privileges;
\pset format unaligned
\set SHOW_CONTEXT never

SET ROLE regress_victim;
SELECT checkpoint.begin_job('secret') AS done \gset
CALL checkpoint.query('q', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('secret') AS job \gset
CALL checkpoint.map('m', 'SELECT generate_series(1, 4) AS x', '12 / (x - 2) AS y', on_error => 'skip');
CALL checkpoint.map('half', 'SELECT generate_series(1, 4) AS x', '12 / (x - 3) AS y');
SELECT checkpoint_id AS cp, input_table FROM checkpoint.steps WHERE step = 'half' \gset
SET privileges.job = :'job';
SET privileges.cp = :'cp';
SET privileges.input_table = :'input_table';
RESET ROLE;

-- Every function that PUBLIC may call is called for the job or the checkpoint of
-- another, with all arguments that it has no default for.  Refused is good; these
-- were not:
CREATE FUNCTION try_all() RETURNS TABLE (routine text, result text) LANGUAGE plpgsql AS $$
DECLARE
	p record;
	found int := 0;
BEGIN
	FOR p IN
		SELECT oid::regprocedure AS name, format('SELECT checkpoint.%I(%s)', proname, a.args) AS call
		FROM pg_proc, LATERAL (SELECT string_agg(format('%I => %s', n, CASE n
				WHEN 'job' THEN current_setting('privileges.job')
				WHEN 'id' THEN CASE pronargs - pronargdefaults WHEN 1 THEN current_setting('privileges.cp') ELSE '1' END
				WHEN 'checkpoint_id' THEN current_setting('privileges.cp')
				WHEN 'name' THEN '''secret'''
				WHEN 'step' THEN '''half'''
				WHEN 'kind' THEN '''map'''
				WHEN 'input' THEN '''SELECT 1 AS x'''
				WHEN 'output' THEN '''y int'''
				ELSE CASE t WHEN 'text'::regtype THEN '''x''' WHEN 'bigint[]'::regtype THEN '''{1}''' WHEN 'interval'::regtype THEN '''1 s'''
					ELSE '1' END END), ', ') AS args
			FROM unnest(proargnames, proargtypes) WITH ORDINALITY u (n, t, i)
			WHERE i <= pronargs - pronargdefaults OR n = 'job') a
		WHERE pronamespace = 'checkpoint'::regnamespace AND prokind = 'f' AND proname NOT LIKE '\_%'
			AND proargnames && '{job,checkpoint_id,id,name}' AND prorettype <> 'regprocedure'::regtype
			AND proname NOT IN ('begin_job', 'content_hash')
			AND has_function_privilege('public', oid, 'EXECUTE')
		UNION ALL
		SELECT oid::regprocedure, format('SELECT count(*) FROM checkpoint.%I(NULL::%s%s)', proname, current_setting('privileges.input_table'),
			repeat(', 1', pronargs - pronargdefaults - 1))
		FROM pg_proc WHERE pronamespace = 'checkpoint'::regnamespace AND proargtypes[0] = 'anyelement'::regtype
			AND has_function_privilege('public', oid, 'EXECUTE')
	LOOP
		found := found + 1;
		BEGIN
			EXECUTE p.call;
			routine := p.name;
			result := 'did it';
			RETURN NEXT;
		EXCEPTION WHEN OTHERS THEN
			IF sqlstate NOT IN ('42501', '42704') THEN
				routine := p.name;
				result := sqlstate || ' ' || sqlerrm;
				RETURN NEXT;
			END IF;
		END;
	END LOOP;
	IF found < 12 THEN
		RAISE 'only % functions were tried', found;
	END IF;
END $$;
GRANT EXECUTE ON FUNCTION try_all TO PUBLIC;
CREATE FUNCTION has_rows(view regclass) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s)', view) INTO result;
	RETURN result;
END $$;
SET ROLE regress_thief;
SELECT * FROM try_all();
\set VERBOSITY sqlstate
CALL checkpoint.map('m2', 'SELECT 1 AS x', 'x AS y', job => :job);
CALL checkpoint.gen('g', 'SELECT 1 AS x', 'generate_series(1, x) AS y', job => :job);
CALL checkpoint.agg('a', 'SELECT 1 AS x', 'sum(x) AS y', '', job => :job);
CALL checkpoint.query('q2', 'SELECT 1 AS x', job => :job);
CALL checkpoint.save('privileges.target', 'SELECT 1 AS x', job => :job);
CALL checkpoint.drop_job('secret');
SELECT * FROM checkpoint.explain_job('secret');
SET checkpoint.job = :job;
CALL checkpoint.query('q2', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
RESET checkpoint.job;
SELECT * FROM :input_table;
SELECT * FROM checkpoint.job;
DELETE FROM checkpoint.checkpoint;
\set VERBOSITY default
CALL checkpoint.prune();
-- no view has a row
SELECT view FROM (SELECT oid::regclass AS view FROM pg_class WHERE relnamespace = 'checkpoint'::regnamespace AND relkind = 'v'
	AND has_table_privilege('public', oid, 'SELECT')) v WHERE privileges.has_rows(view);
-- nor does a function of its own in a condition see one before it is filtered
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE WARNING 'seen: %', $1;
	RETURN true;
END $$;
SELECT count(*) FROM checkpoint.jobs WHERE pg_temp.leak(name);
SELECT count(*) FROM checkpoint.steps WHERE pg_temp.leak(step);
SELECT count(*) FROM checkpoint.checkpoints WHERE pg_temp.leak(step);
SELECT count(*) FROM checkpoint.errors WHERE pg_temp.leak(message);
SELECT count(*) FROM checkpoint.published WHERE pg_temp.leak(target);

-- The owner's job is as it was.
SET ROLE regress_victim;
SELECT job_id = :job AS last, status FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
SELECT step, action FROM checkpoint.steps WHERE job_id = :job ORDER BY step;

-- Members of the owning role look, explain, pin, and go on.
SET ROLE regress_member;
SELECT step, action, rows_kept, rows_to_compute FROM checkpoint.explain_job('secret');
SELECT count(*) FROM checkpoint.remaining_ids(:cp);
SELECT checkpoint.pin(:cp);
SELECT checkpoint.unpin(:cp);
CALL checkpoint.map('half', 'SELECT generate_series(1, 4) AS x', '12 / (x - 5) AS y', job => :job);
SELECT checkpoint.end_job(:job);
SELECT owner, status FROM checkpoint.jobs WHERE job_id = :job;

-- A superuser, too; but code of the owner's that it explains is the owner's, and has
-- no more rights than the owner has.
SET ROLE regress_victim;
CREATE FUNCTION grab() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF NOT pg_has_role(current_user, 'regress_victim', 'USAGE') OR
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE 'runs as %', current_user;
	END IF;
	BEGIN
		EXECUTE 'SET ROLE ' || session_user;
	EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN
	END;
	BEGIN
		ALTER ROLE regress_victim SUPERUSER;
	EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN
	END;
	RETURN 1;
END $$;
CREATE TABLE shift (x int);
SELECT checkpoint.begin_job('trap') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x FROM privileges.shift', 'x AS y');
SELECT checkpoint.end_job();
DROP TABLE shift;
CREATE VIEW shift AS SELECT privileges.grab() AS x;
RESET ROLE;
SET client_min_messages = notice;
SELECT step, action FROM checkpoint.explain_job('secret');
SELECT step, action, reason FROM checkpoint.explain_job('trap');
SELECT current_user = session_user AS myself_again, rolsuper FROM pg_roles WHERE rolname = 'regress_victim';

SET client_min_messages = warning;
DROP SCHEMA privileges CASCADE;
DROP OWNED BY regress_victim, regress_thief;
DROP ROLE regress_victim, regress_member, regress_thief;
