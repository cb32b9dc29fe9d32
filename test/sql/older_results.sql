--
-- A row is never computed twice for the same values and the same code, whichever
-- attempt or run of the group computed it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA older;
SET search_path = older;
-- calls() says which rows were called since it was asked last.
CREATE TABLE called (n serial, v int);
CREATE FUNCTION calls() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	list text;
BEGIN
	SELECT coalesce(string_agg(v::text, ' ' ORDER BY v, n), 'none') INTO list FROM older.called;
	TRUNCATE older.called;
	RETURN list;
END $$;
CREATE TABLE failing (v int);
-- What a row gives says which version of the code computed it.
CREATE PROCEDURE version(version text) LANGUAGE plpgsql AS $p$
BEGIN
	EXECUTE format($f$
	CREATE OR REPLACE FUNCTION older.f(v int) RETURNS text LANGUAGE plpgsql AS $b$
	BEGIN
		IF v IN (SELECT x.v FROM older.failing x) THEN
			RAISE 'cannot compute %%', v;
		END IF;
		INSERT INTO older.called (v) VALUES (f.v);
		RETURN %1$L || v;
	END $b$;
	CREATE OR REPLACE FUNCTION older.g(v int) RETURNS SETOF text LANGUAGE plpgsql AS $b$
	BEGIN
		RETURN QUERY SELECT older.f(g.v) FROM generate_series(1, v %% 3);
	END $b$ $f$, version);
END $p$;
CREATE TABLE source (v int, note text DEFAULT 'note');
CREATE PROCEDURE input(VARIADIC rows int[]) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE older.source;
	INSERT INTO older.source SELECT unnest(rows);
END $$;
-- Prints the output: it must have a row for each row of the input.
CREATE PROCEDURE show() LANGUAGE plpgsql AS $$
DECLARE
	list text;
BEGIN
	EXECUTE format('SELECT string_agg(w, '' '' ORDER BY v, w) FROM %s', checkpoint.output('m')) INTO list;
	RAISE INFO 'called: %; output: %', older.calls(), list;
	EXECUTE format('SELECT string_agg(v::text, '' '') FROM'
		' (SELECT coalesce(o.v, s.v) AS v FROM (SELECT v, count(*) FROM %s GROUP BY v) o'
		' FULL JOIN (SELECT v, count(*) FROM older.source GROUP BY v) s USING (v, count)'
		' WHERE o.v IS NULL OR s.v IS NULL) d', checkpoint.output('m')) INTO list;
	IF list IS NOT NULL THEN
		RAISE 'output and input differ in %', list;
	END IF;
END $$;
-- The version keeps the run groups from reusing what others have computed.
CREATE PROCEDURE run(job text, on_code_change text = 'continue', on_error text = 'stop',
	version text = NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT * FROM older.source ORDER BY v', 'f(v) AS w',
		cache_version => coalesce(version, job), on_code_change => on_code_change, on_error => on_error);
	CALL older.show();
	PERFORM checkpoint.end_job();
END $$;

-- Values that were gone and have come back.
CALL version('a');
CALL input(1, 2, 3, 4);
CALL run('data');
CALL input(3, 4, 5, 6);
CALL run('data');
CALL input(1, 2, 5, 6, 7);
CALL run('data');
CALL input(1, 2, 3, 4, 5, 6, 7, 8);
CALL run('data');
-- as many results as there were, and not one more
CALL input(1, 1, 1);
CALL run('data');
CALL input(2);
CALL run('data');
CALL input(1, 1, 1, 1, 2, 2);
CALL run('data');

-- Code that was changed back, with the input changed, too.
CALL version('a');
CALL input(1, 2, 3, 4);
CALL run('code');
CALL version('b');
CALL run('code');
CALL version('a');
CALL input(1, 2, 3, 4, 5);
CALL run('code');
CALL version('b');
CALL run('code');

-- The same after a run of the other code that failed: what it computed is kept,
-- the rest is what the first code has computed.
CALL version('a');
CALL input(1, 2, 3, 4, 5, 6);
CALL run('reverted');
CALL version('b');
INSERT INTO failing VALUES (3);
CALL input(1, 2, 3, 4, 5, 6, 7);
CALL run('reverted');
SELECT calls();
CALL version('a');
TRUNCATE failing;
CALL run('reverted');
SELECT step, state, rows_total, rows_processed, (SELECT count(*) FROM jsonb_each(rows_by_code)) AS versions
FROM checkpoint.checkpoints WHERE job = 'reverted' ORDER BY checkpoint_id;
-- unless such rows are to be recomputed
CALL version('a');
CALL input(1, 2, 3, 4, 5, 6);
CALL run('recomputed');
CALL version('b');
INSERT INTO failing VALUES (3);
CALL input(1, 2, 3, 4, 5, 6, 7);
CALL run('recomputed');
SELECT calls();
CALL version('a');
TRUNCATE failing;
CALL run('recomputed', 'recompute');

-- Attempts with one input, another, and the first again: both have something.
CALL version('a');
INSERT INTO failing VALUES (3), (7);
CALL input(1, 2, 3, 4, 5, 6);
CALL run('attempts');
CALL input(1, 2, 4, 5, 6, 7, 8);
CALL run('attempts');
SELECT calls();
CALL input(1, 2, 3, 4, 5, 6);
TRUNCATE failing;
CALL version('b');
CALL run('attempts');

-- A row in quarantine gets its result from another attempt.
CALL version('a');
CALL input(1, 2, 3);
CALL run('quarantine');
CALL version('b');
INSERT INTO failing VALUES (2);
CALL input(1, 2, 3, 4);
CALL run('quarantine', on_error => 'skip');
SELECT calls();
CALL version('a');
CALL run('quarantine', on_error => 'skip');
SELECT count(*) FROM checkpoint.errors;
TRUNCATE failing;

-- Results that a fresh run has not replaced, of other inputs, serve on.
CALL version('a');
CALL input(1, 2, 3);
CALL run('fresh');
CALL input(4);
SELECT checkpoint.begin_job('fresh', fresh => true) > 0;
CALL checkpoint.map('m', 'SELECT * FROM older.source ORDER BY v', 'f(v) AS w', cache_version => 'fresh');
SELECT calls();
CALL input(1, 4, 5);
CALL run('fresh');

-- What another run group has computed, and this one reused, is its own from then
-- on.
CALL version('a');
CALL input(1, 2, 3, 4);
CALL run('one', version => 'common');
CALL run('other', version => 'common');
CALL version('b');
CALL run('other', version => 'common');
CALL version('a');
CALL input(1, 2, 3, 4, 5);
CALL run('other', version => 'common');
-- but not what it never used
CALL run('third', version => 'common');
CALL input(1, 2, 3, 4, 5, 6);
CALL run('one', version => 'common');

-- gen: the rows that come later have numbers of their own.
CALL version('a');
INSERT INTO failing VALUES (4), (8);
CALL input(1, 2, 3, 4, 5);
SELECT checkpoint.begin_job('gen') > 0;
CALL checkpoint.gen('g', 'SELECT v FROM older.source ORDER BY v', 'g(v) AS w');
CALL input(1, 2, 5, 7, 8);
SELECT checkpoint.begin_job('gen') > 0;
CALL checkpoint.gen('g', 'SELECT v FROM older.source ORDER BY v', 'g(v) AS w');
SELECT calls();
TRUNCATE failing;
CALL input(1, 2, 3, 4, 5);
SELECT checkpoint.begin_job('gen') > 0;
CALL checkpoint.gen('g', 'SELECT v FROM older.source ORDER BY v', 'g(v) AS w');
SELECT calls();
SELECT checkpoint.output('g') AS g \gset
SELECT * FROM :g ORDER BY sys__id;
SELECT checkpoint.end_job();

-- An older attempt that went on later has what a newer one lacks.
CALL version('a');
INSERT INTO failing VALUES (3);
CALL input(1, 2, 3, 4, 5, 6);
CALL run('later');
INSERT INTO failing VALUES (4);
CALL input(1, 2, 4, 5, 6, 7);
CALL run('later');
TRUNCATE failing;
INSERT INTO failing VALUES (5);
CALL input(1, 2, 3, 4, 5, 6);
CALL run('later');
SELECT calls();
TRUNCATE failing;
CALL input(1, 2, 4, 5, 6, 7);
CALL run('later');

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA older CASCADE;
