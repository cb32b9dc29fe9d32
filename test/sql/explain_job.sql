--
-- explain_job() says what the next run would do, and why, and does nothing.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
DROP ROLE IF EXISTS explain_other;
CREATE ROLE explain_other;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA explain;
SET search_path = explain;
CREATE SEQUENCE calls;
CREATE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('explain.calls');
	IF v = 7 THEN
		RAISE 'not %', v;
	END IF;
	RETURN v * 2;
END $$;
CREATE FUNCTION upto(v int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('explain.calls');
	RETURN QUERY SELECT generate_series(1, v % 3);
END $$;
CREATE TABLE source AS SELECT g AS id, g AS v, 'note' AS note FROM generate_series(1, 10) g;

CREATE PROCEDURE run(version text = NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('explain');
	CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'f(v) AS w', cache_version => version);
	CALL checkpoint.gen('g', 'SELECT w FROM m', 'upto(w) AS u');
	CALL checkpoint.query('q', 'SELECT u, count(*) AS n FROM g GROUP BY u', cache_enabled => version IS NULL);
	CALL checkpoint.save('explain.published', 'SELECT * FROM q', probe => 'SELECT 1');
	PERFORM checkpoint.end_job();
END $$;

-- What a run that follows says must be what was explained, and explaining must
-- change nothing: no row of a catalog, no table, no call.
CREATE FUNCTION state() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	rows text;
	all_rows text := '';
BEGIN
	FOR t IN SELECT relname FROM pg_class
		WHERE relnamespace = 'checkpoint'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
		EXECUTE format('SELECT string_agg(t::text, E''\n'' ORDER BY t::text) FROM checkpoint.%I t', t) INTO rows;
		all_rows := concat(all_rows, t, rows);
	END LOOP;
	RETURN md5(all_rows) || (SELECT count(*) FROM pg_class) || (SELECT last_value FROM explain.calls);
END $$;
CREATE PROCEDURE explain_it() LANGUAGE plpgsql AS $$
DECLARE
	before text := explain.state();
	r record;
BEGIN
	FOR r IN SELECT * FROM checkpoint.explain_job('explain') LOOP
		RAISE INFO '% %: %, % kept + % to compute = % rows, time %, %', r.kind, r.step, coalesce(r.action, '?'),
			r.rows_kept, r.rows_to_compute, r.rows_total,
			CASE WHEN r.estimated_time = '0' THEN 'none' WHEN r.estimated_time > '0' THEN 'some' ELSE 'unknown' END,
			r.reason;
	END LOOP;
	IF before <> explain.state() THEN
		RAISE 'explaining has changed something';
	END IF;
END $$;

SELECT * FROM checkpoint.explain_job('explain');
-- a step has failed: the later ones are not known yet
CALL run();
CALL explain_it();
-- with the function fixed
CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('explain.calls');
	RETURN v * 2;
END $$;
CALL explain_it();
CALL run();
-- all is finished; of m, rows were computed by two versions of the code
CALL explain_it();
CALL run();

-- rows added, changed and removed; a column that the UDF does not read
INSERT INTO source VALUES (11, 11, 'new'), (12, 12, 'new');
UPDATE source SET v = 100 WHERE id = 9;
DELETE FROM source WHERE id = 1;
CALL explain_it();
CALL run();
CALL explain_it();
UPDATE source SET note = 'changed' WHERE id = 3;
CALL explain_it();
CALL run();
INSERT INTO source VALUES (12, 12, 'new');
CALL explain_it();
DELETE FROM source WHERE id = 12;
CALL explain_it();
CALL run();

-- code and version
CREATE OR REPLACE FUNCTION upto(v int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('explain.calls');
	RETURN QUERY SELECT generate_series(1, v % 3) + 0;
END $$;
CALL explain_it();
CALL run('2');
-- a disabled cache is computed anew each time; what it depends on is known
CALL explain_it();
CALL run('2');

-- a run that fails early does not hide what comes later
CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('explain.calls');
	IF v = 5 THEN
		RAISE 'not %', v;
	END IF;
	RETURN v * 4;
END $$;
CALL run('2');
CALL explain_it();

-- what cannot be analysed any more would fail
ALTER FUNCTION upto(int) RENAME TO up_to;
CALL explain_it();
ALTER FUNCTION up_to(int) RENAME TO upto;
-- tables that are gone, work that has expired
SELECT output_table AS m FROM checkpoint.steps WHERE step = 'm' ORDER BY job_id DESC LIMIT 1 \gset
DROP TABLE :m;
CALL explain_it();
UPDATE checkpoint.checkpoint SET last_used_at = now() - interval '29 days';
CALL explain_it();

-- in a transaction that may only read, and for its own jobs only
BEGIN READ ONLY;
SELECT step, action FROM checkpoint.explain_job('explain');
COMMIT;
SET ROLE explain_other;
SELECT * FROM checkpoint.explain_job('explain');
RESET ROLE;
SELECT * FROM checkpoint.explain_job(NULL);

-- It says what the run does, for every value of on_code_change: some rows are
-- kept of other code.
UPDATE source SET v = id;
\set ECHO none
SELECT format('CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN IF v = 9 THEN RAISE ''not %%'', v; END IF; RETURN v + 1; END $f$;
	DO $$ BEGIN PERFORM checkpoint.begin_job(%L); END $$', v),
	format('CALL checkpoint.map(''m'', ''SELECT id, v FROM source WHERE id <= 10 ORDER BY id'', ''f(v) AS %1$s'', on_code_change => %1$L)', v),
	'CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN v + 2; END $f$',
	format('SELECT action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job(%L)', v),
	format('DO $$ BEGIN PERFORM checkpoint.begin_job(%L); END $$', v),
	format('CALL checkpoint.map(''m'', ''SELECT id, v FROM source WHERE id <= 10 ORDER BY id'', ''f(v) AS %1$s'', on_code_change => %1$L)', v),
	format('SELECT action, rows_total, rows_kept, rows_computed, reason FROM checkpoint.steps WHERE job = %L ORDER BY job_id DESC LIMIT 1', v),
	'SELECT checkpoint.end_job()'
FROM unnest(ARRAY['continue', 'recompute', 'restart']) WITH ORDINALITY u (v, n) ORDER BY n \gexec
\set ECHO all

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA explain CASCADE;
DROP ROLE explain_other;
