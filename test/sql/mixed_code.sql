--
-- Rules 3 and 10: a step that was finished with other code than that which
-- computed its rows does not pass for the new code's work: not in other jobs.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA mixed_code;
SET search_path = mixed_code;
CREATE TABLE source AS SELECT generate_series(1, 4) AS x;
-- write_version makes f say which version of it was called.
CREATE FUNCTION write_version(version text, fails_on int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION mixed_code.f(x int) RETURNS text LANGUAGE plpgsql AS %L',
		format('BEGIN IF x = %s THEN RAISE ''failed on %%'', x; END IF; RETURN %L; END', fails_on, version));
END $$;
CREATE PROCEDURE run(job text, kind text, cache_version text = NULL) LANGUAGE plpgsql AS $$
DECLARE
	versions text;
BEGIN
	PERFORM checkpoint.begin_job(job);
	IF kind = 'map' THEN
		CALL checkpoint.map('s', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', cache_version => cache_version);
	ELSE
		CALL checkpoint.gen('s', 'SELECT x FROM source ORDER BY x', 'unnest(ARRAY[f(x)]) AS y', cache_version => cache_version);
	END IF;
	EXECUTE format('SELECT string_agg(y, '' '' ORDER BY y) FROM %s', checkpoint.output('s')) INTO versions;
	PERFORM checkpoint.end_job();
	RAISE NOTICE 'by versions: %', versions;
END $$;

-- Some rows are of the old code: its own run group has the step finished.
SELECT write_version('a', 3);
CALL run('some', 'map');
SELECT write_version('b', 0);
CALL run('some', 'map');
CALL run('some', 'map');
CALL run('some, elsewhere', 'map');

-- All are, as the rows that it could not compute are gone.
SELECT write_version('c', 4);
CALL run('all', 'map');
DELETE FROM source WHERE x = 4;
SELECT write_version('d', 0);
CALL run('all', 'map');
CALL run('all', 'map');
CALL run('all, elsewhere', 'map');
INSERT INTO source VALUES (4);

-- The same with gen.
SELECT write_version('e', 4);
CALL run('all', 'gen');
DELETE FROM source WHERE x = 4;
SELECT write_version('f', 0);
CALL run('all', 'gen');
CALL run('all, elsewhere', 'gen');
INSERT INTO source VALUES (4);

-- And with cache_version, which is part of the code.
SELECT write_version('g', 4);
CALL run('version', 'map', '1');
DELETE FROM source WHERE x = 4;
CALL run('version', 'map', '2');
CALL run('version, elsewhere', 'map', '2');
CALL run('version, elsewhere', 'map', '1');
INSERT INTO source VALUES (4);

-- The next input: rows that were kept count as of the code that the step was
-- finished with.
SELECT write_version('h', 4);
CALL run('next', 'map');
DELETE FROM source WHERE x = 4;
SELECT write_version('i', 0);
CALL run('next', 'map');
INSERT INTO source VALUES (4);
CALL run('next', 'map');

-- Replaced while it runs: of a transaction's rows it is not known which are the old
-- code's.  With another input they serve the one that the step was finished with,
-- not the other.
CREATE FUNCTION write_replaced() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE OR REPLACE FUNCTION mixed_code.f(x int) RETURNS text LANGUAGE plpgsql AS $f$
	BEGIN
		IF x = 3 AND current_setting('test.' || 'replace')::bool THEN
			PERFORM mixed_code.write_version('new', 0);
		END IF;
		RETURN 'old';
	END $f$;
END $$;
\set ECHO none
SELECT 'DO $$ BEGIN PERFORM write_replaced(); END $$; SET test.replace = on; SET client_min_messages = error',
	format('CALL run(%L, %L)', name, kind), 'SET client_min_messages = notice; SET test.replace = off; INSERT INTO source VALUES (5)',
	CASE version WHEN 'old' THEN 'DO $$ BEGIN PERFORM write_replaced(); END $$' ELSE 'DO $$ BEGIN END $$' END,
	format('CALL run(%L, %L)', name, kind), 'DELETE FROM source WHERE x = 5'
FROM (SELECT kind || ', then ' || version AS name, * FROM unnest(ARRAY['map', 'gen']) kind, unnest(ARRAY['new', 'old']) version) r
ORDER BY kind DESC, version \gexec
\set ECHO all

-- In transactions of one row, those before it are the old code's, and those after it
-- the new one's.
SELECT write_replaced();
SET test.replace = on;
SET checkpoint.commit_interval = 0;
SET client_min_messages = error;
SELECT checkpoint.begin_job('each row') > 0 AS begun;
CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 6) x', 'f(x) AS y');
SELECT checkpoint.end_job();
RESET client_min_messages;
RESET checkpoint.commit_interval;
SELECT string_agg(value, ', ' ORDER BY value::int) AS rows_by_code
FROM checkpoint.checkpoints, jsonb_each_text(rows_by_code) WHERE job = 'each row';

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA mixed_code CASCADE;
