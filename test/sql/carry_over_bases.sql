--
-- Rule 3: which checkpoints rows are carried over from when code and input have
-- changed.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA carry;
SET search_path = carry;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('carry.calls') - 1;
BEGIN
	PERFORM setval('carry.calls', 1, false);
	RETURN n;
END $$;
-- Code that says which version it is, and may stop at a value.
CREATE PROCEDURE code(version text, stop_at int = 0) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION carry.f(v int) RETURNS text LANGUAGE plpgsql AS $f$
		BEGIN
			PERFORM nextval(''carry.calls'');
			IF v = %s THEN
				RAISE ''cannot do %%'', v;
			END IF;
			RETURN %L || v;
		END $f$', stop_at, version);
	EXECUTE format('CREATE OR REPLACE FUNCTION carry.g(v int) RETURNS SETOF text LANGUAGE plpgsql AS $f$
		BEGIN
			PERFORM nextval(''carry.calls'');
			RETURN QUERY SELECT %L || v FROM generate_series(1, v %% 3);
		END $f$', version);
END $$;
-- what is in the output, and what is known of who computed it
CREATE PROCEDURE show(step text) LANGUAGE plpgsql AS $$
DECLARE
	output regclass := checkpoint.output(step);
	results text;
	recorded text;
BEGIN
	EXECUTE format('SELECT string_agg(v || '': '' || n, '', '' ORDER BY v)'
		' FROM (SELECT left(f, 1) AS v, count(*) AS n FROM %s GROUP BY 1) c', output) INTO results;
	SELECT string_agg(value, ' and ' ORDER BY value::int) INTO recorded
	FROM checkpoint.checkpoints, jsonb_each_text(rows_by_code) WHERE output_table = output;
	RAISE NOTICE '% calls; results of %; recorded %', carry.calls(), results, recorded;
END $$;
CREATE PROCEDURE show_calls() LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% calls', carry.calls();
END $$;
CREATE TABLE source AS SELECT g AS v, 'note' AS note FROM generate_series(1, 40) g;
\set map 'CALL checkpoint.map(\'m\', \'SELECT * FROM source ORDER BY v\', \'f(v) AS f\')'
\set gen 'CALL checkpoint.gen(\'g\', \'SELECT * FROM source ORDER BY v DESC\', \'g(v) AS f\')'

-- A, then B, then A again, and the input has changed: what A computed serves.
CALL code('A');
SELECT checkpoint.begin_job('aba') AS job \gset
:map; :gen;
SELECT checkpoint.end_job();
CALL code('B');
SELECT checkpoint.begin_job('aba') AS job \gset
:map; :gen;
SELECT checkpoint.end_job();
CALL code('A');
INSERT INTO source VALUES (41), (42);
SELECT calls();
SELECT checkpoint.begin_job('aba') AS job \gset
:map;
CALL show('m');
:gen;
CALL show('g');
SELECT checkpoint.end_job();

-- A partial base serves whatever its code; what is left then, an older one of
-- the code at hand.
CALL code('B', 30);
DELETE FROM source WHERE v = 1;
SELECT checkpoint.begin_job('aba') AS job \gset
:map;
CALL code('A');
DELETE FROM source WHERE v = 42;
INSERT INTO source VALUES (50), (51), (52);
SELECT calls();
SELECT checkpoint.begin_job('aba') AS job \gset
:map;
CALL show('m');
SELECT checkpoint.end_job();
-- a final base serves the code that it was finished with, and what others computed
INSERT INTO source VALUES (53);
SELECT checkpoint.begin_job('aba') AS job \gset
:map;
CALL show('m');
SELECT checkpoint.end_job();

-- on_code_change => 'recompute': no rows of other code
CALL code('B', 30);
INSERT INTO source VALUES (54);
SELECT checkpoint.begin_job('aba') AS job \gset
:map;
-- (a row computed: an older final base has those of B)
SELECT calls();
CALL code('A');
INSERT INTO source VALUES (55);
SELECT checkpoint.begin_job('aba') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY v', 'f(v) AS f', on_code_change => 'recompute');
CALL show('m');
SELECT checkpoint.end_job();

-- gen: two bases, one numbering of the output rows
CALL code('A');
DELETE FROM source WHERE v > 40;
SELECT checkpoint.begin_job('gen') AS job \gset
:gen;
SELECT checkpoint.end_job();
CREATE OR REPLACE FUNCTION g(v int) RETURNS SETOF text LANGUAGE plpgsql AS $f$
BEGIN
	PERFORM nextval('carry.calls');
	IF v = 20 THEN
		RAISE 'cannot do %', v;
	END IF;
	RETURN QUERY SELECT 'B' || v FROM generate_series(1, v % 3);
END $f$;
INSERT INTO source VALUES (60), (61);
SELECT checkpoint.begin_job('gen') AS job \gset
:gen;
CALL code('A');
INSERT INTO source VALUES (70), (71);
SELECT calls();
SELECT checkpoint.begin_job('gen') AS job \gset
:gen;
CALL show('g');
SELECT checkpoint.output('g') AS output \gset
SELECT count(*), count(DISTINCT sys__id), min(sys__id), max(sys__id), count(DISTINCT sys__input_id) FROM :output;
SELECT count(*) FROM source WHERE v % 3 > 0;
SELECT checkpoint.end_job();

-- A fresh run was to replace what was before it, though it may serve itself.
CALL code('A');
SELECT checkpoint.begin_job('fresh') AS job \gset
:map;
SELECT checkpoint.end_job();
CALL code('B', 30);
SELECT calls();
SELECT checkpoint.begin_job('fresh', fresh => true) AS job \gset
:map;
CALL code('A');
DELETE FROM source WHERE v = 5;
SELECT calls();
SELECT checkpoint.begin_job('fresh') AS job \gset
:map;
CALL show('m');
SELECT checkpoint.end_job();

-- Of equal rows those that count serve, and the others are no change.
TRUNCATE source;
INSERT INTO source SELECT g, 'first' FROM generate_series(1, 10) g UNION ALL SELECT g, 'second' FROM generate_series(1, 10) g;
\set map 'CALL checkpoint.map(\'m\', \'SELECT * FROM source ORDER BY note, v\', \'f(v) AS f\')'
CREATE OR REPLACE FUNCTION f(v int) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
	IF nextval('carry.calls') > 10 THEN
		RAISE 'enough';
	END IF;
	RETURN 'A' || v;
END $f$;
CALL show_calls();
SELECT checkpoint.begin_job('equal') AS job \gset
:map;
CALL code('B');
CALL show_calls();
SELECT checkpoint.begin_job('equal') AS job \gset
:map;
CALL show('m');
SELECT checkpoint.end_job();
INSERT INTO source VALUES (99, 'new');
SELECT checkpoint.begin_job('equal') AS job \gset
:map;
CALL show('m');
SELECT checkpoint.end_job();

-- the same, but for a new version of the code: no result counts
DELETE FROM source WHERE v = 99;
SELECT checkpoint.begin_job('equal') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY note, v', 'f(v) AS f', cache_version => '2');
CALL show('m');
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA carry CASCADE;
