--
-- Rules 3, 5 and 13: what was paid for is kept until it is in a final checkpoint,
-- and serves whatever came between: a trial on other rows, other code, a column
-- that the udf does not read, a run of another group.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA paid;
SET search_path = paid;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('paid.calls') - 1;
BEGIN
	PERFORM setval('paid.calls', 1, false);
	RETURN n;
END $$;
-- What f gives says which version of it was called; it fails at test.fails_on.
CREATE PROCEDURE version(version text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION paid.f(x int) RETURNS text LANGUAGE plpgsql AS %L', format('
BEGIN
	IF x = current_setting(''test.'' || ''fails_on'')::int THEN
		RAISE ''failed on %%'', x;
	END IF;
	PERFORM nextval(''paid.calls'');
	RETURN %L || x;
END', version));
END $$;
CREATE PROCEDURE run(job text, input text, on_code_change text = 'continue', fresh boolean = false,
	on_error text = 'stop', cache_version text = NULL)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job, fresh => fresh);
	CALL checkpoint.map('m', input, 'f(x) AS y', on_code_change => on_code_change, on_error => on_error,
		cache_version => coalesce(cache_version, job));
	PERFORM checkpoint.end_job();
END $$;
CREATE VIEW step AS SELECT action, reason, rows_kept AS kept, rows_computed AS computed
FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;
CREATE TABLE source AS SELECT generate_series(1, 1000) AS x;
SET test.fails_on = 0;

-- A trial does not destroy the long run: 700 of 1,000 rows are kept, the function
-- is fixed and tried on five rows with the same script; then all again.
CALL version('a');
SET test.fails_on = 701;
CALL run('trial', 'SELECT x FROM source ORDER BY x');
SELECT calls();
CALL version('b');
SET test.fails_on = 0;
CALL run('trial', 'SELECT x FROM source WHERE x BETWEEN 699 AND 703 ORDER BY x');
SELECT calls();
-- the long run is in the view
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'trial' ORDER BY checkpoint_id;
-- an empty trial, and one that fails
CALL run('trial', 'SELECT x FROM source WHERE x < 0');
SET test.fails_on = 800;
CALL run('trial', 'SELECT x FROM source WHERE x = 800');
SET test.fails_on = 0;
SELECT calls();
SELECT action, rows_kept, rows_to_compute FROM checkpoint.explain_job('trial');
CALL run('trial', 'SELECT x FROM source ORDER BY x');
SELECT calls();
SELECT * FROM step;
-- Finished on that input, it is one: the trial's results are kept for themselves.
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'trial' ORDER BY checkpoint_id;

-- The same with a row inserted before the long run: then it is superseded.
CALL version('a');
SET test.fails_on = 701;
CALL run('insert', 'SELECT x FROM source ORDER BY x');
SELECT calls();
CALL version('b');
SET test.fails_on = -1;
CALL run('insert', 'SELECT x FROM source WHERE x BETWEEN 699 AND 703 ORDER BY x');
SELECT calls();
INSERT INTO source VALUES (0);
CALL run('insert', 'SELECT x FROM source ORDER BY x');
SELECT calls();
SELECT * FROM step;
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'insert' ORDER BY checkpoint_id;
DELETE FROM source WHERE x = 0;

-- A moving window: January fails, February runs, January again.
CALL version('a');
SET test.fails_on = 25;
CALL run('window', 'SELECT x FROM source WHERE x BETWEEN 1 AND 31 ORDER BY x');
SET test.fails_on = 0;
CALL run('window', 'SELECT x FROM source WHERE x BETWEEN 32 AND 59 ORDER BY x');
SELECT calls();
CALL run('window', 'SELECT x FROM source WHERE x BETWEEN 1 AND 31 ORDER BY x');
SELECT calls();

-- One job name for several tenants, with rows that are passed over: their errors
-- stay, and just these rows are tried again.
SET test.fails_on = 10;
CALL run('tenants', 'SELECT x FROM source WHERE x <= 20 ORDER BY x', on_error => 'skip');
CALL run('tenants', 'SELECT x FROM source WHERE x BETWEEN 21 AND 40 ORDER BY x', on_error => 'skip');
SELECT calls();
SELECT sys__id, message FROM checkpoint.errors WHERE job = 'tenants';
SET test.fails_on = 0;
CALL run('tenants', 'SELECT x FROM source WHERE x <= 20 ORDER BY x', on_error => 'skip');
SELECT calls();
SELECT count(*) FROM checkpoint.errors WHERE job = 'tenants';

-- Fix, finish, add one row: one row is computed.
CALL version('a');
SET test.fails_on = 901;
CALL run('fixed', 'SELECT x FROM source ORDER BY x');
CALL version('b');
SET test.fails_on = 0;
CALL run('fixed', 'SELECT x FROM source ORDER BY x');
SELECT calls();
SELECT * FROM step;
INSERT INTO source VALUES (1001);
SELECT action, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('fixed');
CALL run('fixed', 'SELECT x FROM source ORDER BY x');
SELECT calls();
SELECT * FROM step;
-- and another, and one is reused
INSERT INTO source VALUES (1002);
CALL run('fixed', 'SELECT x FROM source ORDER BY x');
CALL run('fixed', 'SELECT x FROM source ORDER BY x');
SELECT calls();
SELECT * FROM step;
-- They are computed anew at any time; then all are of one code.
SELECT action, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('fixed');
CALL run('fixed', 'SELECT x FROM source ORDER BY x', on_code_change => 'recompute');
SELECT calls();
SELECT * FROM step;
CALL run('fixed', 'SELECT x FROM source ORDER BY x', on_code_change => 'recompute');
SELECT calls();
DELETE FROM source WHERE x > 1000;

-- restart is about an unfinished step whose code changed: a finished one is
-- carried over from.
DELETE FROM source WHERE x > 10;
CALL version('a');
CALL run('restart', 'SELECT x FROM source ORDER BY x', on_code_change => 'restart');
INSERT INTO source VALUES (11);
CALL run('restart', 'SELECT x FROM source ORDER BY x', on_code_change => 'restart');
SELECT calls();
-- It drops only the rows of the unfinished checkpoint, and says so.
INSERT INTO source VALUES (12), (13);
SET test.fails_on = 13;
CALL version('b');
CALL run('restart', 'SELECT x FROM source ORDER BY x', on_code_change => 'restart');
SELECT calls();
CALL version('a');
SELECT action, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('restart');
SET test.fails_on = 0;
CALL run('restart', 'SELECT x FROM source ORDER BY x', on_code_change => 'restart');
SELECT calls();
SELECT * FROM step;
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'restart' ORDER BY checkpoint_id;
DELETE FROM source WHERE x > 10;

-- A fresh run of another group, whose result was reused, does not cut this one off
-- from its own older results.
CALL version('a');
CALL run('mine', 'SELECT x FROM source ORDER BY x', cache_version => 'shared');
SELECT calls();
CALL run('others', 'SELECT x FROM source WHERE x <= 5 ORDER BY x', fresh => true, cache_version => 'shared');
CALL run('mine', 'SELECT x FROM source WHERE x <= 5 ORDER BY x', cache_version => 'shared');
SELECT calls();
INSERT INTO source VALUES (11);
CALL run('mine', 'SELECT x FROM source ORDER BY x', cache_version => 'shared');
SELECT calls();
DELETE FROM source WHERE x > 10;
-- Nor does its own fresh run, of what it computed of other inputs.
CALL run('mine', 'SELECT x FROM source WHERE x <= 3 ORDER BY x', fresh => true, cache_version => 'shared');
SELECT calls();
INSERT INTO source VALUES (12);
CALL run('mine', 'SELECT x FROM source ORDER BY x', cache_version => 'shared');
SELECT calls();
DELETE FROM source WHERE x > 10;

-- fresh replaces: after any number of forced runs there is one table of each step.
CREATE PROCEDURE forced() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('forced', fresh => true);
	CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
	CALL checkpoint.gen('g', 'SELECT x FROM source', 'unnest(ARRAY[f(x)])');
	CALL checkpoint.query('q', 'SELECT count(*) FROM m');
	CALL checkpoint.save('paid.published', 'SELECT * FROM q');
	PERFORM checkpoint.end_job();
END $$;
SET client_min_messages = warning;
\set ECHO none
SELECT 'CALL forced()' FROM generate_series(1, 5) \gexec
\set ECHO all
RESET client_min_messages;
SELECT step, count(*), count(output_table) AS tables FROM checkpoint.checkpoints WHERE job = 'forced' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'forced\_%';
SELECT * FROM published;
-- One that is pinned is kept.  (There is no function for that yet.)
UPDATE checkpoint.checkpoint SET pinned = true WHERE job_name = 'forced' AND step = 'm';
SET client_min_messages = warning;
CALL forced();
CALL forced();
RESET client_min_messages;
SELECT step, count(*), count(*) FILTER (WHERE pinned) AS pinned FROM checkpoint.checkpoints WHERE job = 'forced' GROUP BY 1 ORDER BY 1;
SELECT calls() > 0;

-- Of a table that changes nightly, the last two are kept.
CREATE TABLE nightly AS SELECT generate_series(1, 10) AS x;
SET client_min_messages = warning;
\set ECHO none
SELECT format('INSERT INTO nightly VALUES (%s)', 10 + n), 'CALL run(''nightly'', ''SELECT x FROM nightly ORDER BY x'')'
FROM generate_series(1, 5) n \gexec
\set ECHO all
RESET client_min_messages;
SELECT calls();
SELECT state, rows_total FROM checkpoint.checkpoints WHERE job = 'nightly' ORDER BY checkpoint_id;

-- Columns that the udf does not read are added, dropped, renamed, retyped: results
-- are kept, also those of an unfinished step, and the columns come from the new
-- input.
CREATE TABLE docs (id int, x int, note varchar(20));
INSERT INTO docs SELECT g, g, 'note ' || g FROM generate_series(1, 10) g;
CALL version('a');
CREATE PROCEDURE unread(kind text) LANGUAGE plpgsql AS $$
DECLARE
	rows text;
BEGIN
	PERFORM checkpoint.begin_job('unread ' || kind);
	IF kind = 'map' THEN
		CALL checkpoint.map('m', 'SELECT * FROM docs ORDER BY id', 'f(x) AS y', cache_version => 'unread');
	ELSE
		CALL checkpoint.gen('m', 'SELECT * FROM docs ORDER BY id', 'unnest(ARRAY[f(x)]) AS y', cache_version => 'unread');
	END IF;
	EXECUTE format('SELECT string_agg(r::text, '' '' ORDER BY r) FROM %s r WHERE y LIKE ''%%3''', checkpoint.output('m')) INTO rows;
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls; %', paid.calls(), rows;
END $$;
CREATE PROCEDURE map_and_gen() LANGUAGE plpgsql AS $$
BEGIN
	CALL paid.unread('map');
	CALL paid.unread('gen');
END $$;
SET test.fails_on = 8;
CALL unread('map');
CALL unread('gen');
SELECT calls();
SET test.fails_on = 0;
ALTER TABLE docs ADD COLUMN lang text DEFAULT 'en';
SELECT action, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('unread map');
CALL map_and_gen();
ALTER TABLE docs RENAME note TO remark;
SELECT action, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('unread map');
CALL map_and_gen();
ALTER TABLE docs ALTER remark TYPE text USING upper(remark);
CALL map_and_gen();
ALTER TABLE docs DROP COLUMN id CASCADE;
ALTER TABLE docs ADD COLUMN id int;
UPDATE docs SET id = x;
CALL map_and_gen();
-- Of a column that it reads, the type counts; and the form of the result.
ALTER TABLE docs ALTER x TYPE numeric;
CREATE FUNCTION f(x numeric) RETURNS text LANGUAGE sql AS 'SELECT paid.f(x::int)';
CALL map_and_gen();
ALTER TABLE docs ALTER x TYPE int;
-- A column of the input is not taken for one of the result.
CREATE TABLE two AS SELECT x, 'input ' || x AS a FROM generate_series(1, 3) x;
SELECT checkpoint.begin_job('two') AS job \gset
CALL checkpoint.map('m', 'SELECT x, a FROM two ORDER BY x', 'f(x) AS b');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('two') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM two ORDER BY x', '''computed''::text AS a, f(x) AS b');
SELECT checkpoint.output('m') AS output \gset
SELECT * FROM :output ORDER BY 1;
SELECT checkpoint.end_job();

-- A final checkpoint that has some of the rows of an unfinished one does not
-- supersede it; one that has most of them does.
TRUNCATE source;
INSERT INTO source SELECT generate_series(1, 100);
CALL version('a');
SET test.fails_on = 61;
CALL run('some', 'SELECT x FROM source ORDER BY x', cache_version => 'some');
SELECT calls();
SET test.fails_on = 0;
CALL run('some', 'SELECT x FROM source WHERE x > 30 ORDER BY x', cache_version => 'some');
SELECT calls();
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'some' ORDER BY checkpoint_id;
CALL run('some', 'SELECT x FROM source WHERE x > 29 ORDER BY x', cache_version => 'some');
SELECT calls();
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'some' ORDER BY checkpoint_id;
CALL run('some', 'SELECT x FROM source ORDER BY x', cache_version => 'some');
SELECT calls();

-- What another group has computed in between is no link of the chain: this group's
-- last two are kept.
SET client_min_messages = warning;
CALL run('mine', 'SELECT x FROM generate_series(1, 10) x', cache_version => 'between');
CALL run('others', 'SELECT x FROM generate_series(1, 10) x', cache_version => 'between');
CALL run('others', 'SELECT x FROM generate_series(2, 11) x', cache_version => 'between');
CALL run('mine', 'SELECT x FROM generate_series(2, 11) x', cache_version => 'between');
CALL run('mine', 'SELECT x FROM generate_series(3, 12) x', cache_version => 'between');
SELECT calls();
CALL run('mine', 'SELECT x FROM generate_series(1, 10) x', cache_version => 'between');
SELECT calls();
-- And what it took its first rows from stays that group's.
CALL run('others', 'SELECT x FROM generate_series(1, 10) x', cache_version => 'first');
CALL run('mine', 'SELECT x FROM generate_series(1, 10) x', cache_version => 'first');
CALL run('mine', 'SELECT x FROM generate_series(2, 11) x', cache_version => 'first');
CALL run('mine', 'SELECT x FROM generate_series(3, 12) x', cache_version => 'first');
SELECT calls();
CALL run('others', 'SELECT x FROM generate_series(1, 10) x', cache_version => 'first');
SELECT calls();
RESET client_min_messages;

-- Nor is one superseded that has only rows that failed: they are to be tried again.
SET test.fails_on = 10;
CALL run('failed', 'SELECT 10 AS x', on_error => 'skip');
SET test.fails_on = 0;
CALL run('failed', 'SELECT x FROM generate_series(1, 9) x');
SELECT sys__id, message FROM checkpoint.errors WHERE job = 'failed';
-- One that has nothing at all is.
SET test.fails_on = 10;
CALL run('nothing', 'SELECT 10 AS x');
SET test.fails_on = 0;
CALL run('nothing', 'SELECT x FROM generate_series(1, 9) x');
SELECT state, rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'nothing';

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA paid CASCADE;
