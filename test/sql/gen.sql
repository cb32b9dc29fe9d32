--
-- gen: any number of output rows per input row.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE EXTENSION IF NOT EXISTS plpython3u;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA gen;
SET search_path = gen;
CREATE TABLE source (a int, b text);
INSERT INTO source VALUES (2, 'x,y'), (0, ''), (3, 'p,q,r'), (NULL, NULL), (1, 'z');
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('gen.calls') - 1;
BEGIN
	PERFORM setval('gen.calls', 1, false);
	RETURN n;
END $$;

-- show_columns lists the columns of a step's output, check_ids says whether its
-- sys__ids are 1, 2, ... in the order of the inputs.
CREATE FUNCTION show_columns(step text) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = checkpoint.output(step) AND attnum > 0
$$;
CREATE FUNCTION check_ids(step text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('SELECT count(*) = count(DISTINCT sys__id) AND min(sys__id) = 1 AND
		max(sys__id) = count(*) FROM %s', checkpoint.output(step)) INTO result;
	RETURN result;
END $$;

SELECT checkpoint.begin_job('gen') AS job \gset

--
-- Set-returning functions of every kind, with scalar and with composite results.
--
CREATE TYPE pair AS (l int, r text);
CREATE FUNCTION sql_set(a int) RETURNS SETOF int LANGUAGE sql AS $$ SELECT n * 10 FROM generate_series(1, a) n $$;
CREATE FUNCTION sql_table(a int) RETURNS TABLE (n int, square int) LANGUAGE sql AS $$ SELECT n, n * n FROM generate_series(1, a) n $$;
CREATE FUNCTION next_set(a int) RETURNS SETOF pair LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('gen.calls');
	FOR i IN 1 .. coalesce(a, 0) LOOP
		RETURN NEXT (i, repeat('n', i))::pair;
	END LOOP;
END $$;
CREATE FUNCTION query_set(a int) RETURNS TABLE (i int, t text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('gen.calls');
	RETURN QUERY SELECT n, 'q' || n FROM generate_series(1, a) n;
	RETURN QUERY SELECT a, 'last';
END $$;
CREATE FUNCTION out_set(a int, OUT o1 int, OUT o2 int) RETURNS SETOF record LANGUAGE sql AS $$ SELECT 1, a WHERE a > 1 $$;
CREATE FUNCTION python_set(b text) RETURNS SETOF text LANGUAGE plpython3u AS $$
plpy.execute("SELECT nextval('gen.calls')")
for part in (b or '').split(','):
    if part:
        yield part.upper()
$$;
CREATE FUNCTION python_table(a int) RETURNS TABLE (n int, doubled int) LANGUAGE plpython3u AS $$
return [(i, i * 2) for i in range(a or 0)]
$$;

CALL checkpoint.gen('sql_set', 'SELECT a, b FROM source', 'sql_set(a)');
SELECT show_columns('sql_set'), check_ids('sql_set');
SELECT checkpoint.output('sql_set') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

CALL checkpoint.gen('sql_table', 'SELECT a FROM source', 'sql_table(a)');
SELECT show_columns('sql_table'), check_ids('sql_table');
SELECT checkpoint.output('sql_table') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

CALL checkpoint.gen('next_set', 'SELECT a FROM source', 'next_set(a)');
SELECT show_columns('next_set'), check_ids('next_set'), calls();
SELECT checkpoint.output('next_set') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

CALL checkpoint.gen('query_set', 'SELECT a FROM source', '(query_set(a)).*');
SELECT show_columns('query_set'), check_ids('query_set'), calls();
SELECT checkpoint.output('query_set') AS output \gset
SELECT sys__input_id, i, t FROM :output ORDER BY sys__id;

CALL checkpoint.gen('out_set', 'SELECT a FROM source', 'out_set(a)');
SELECT show_columns('out_set'), check_ids('out_set');
SELECT checkpoint.output('out_set') AS output \gset
SELECT sys__input_id, o1, o2 FROM :output ORDER BY sys__id;

CALL checkpoint.gen('python_set', 'SELECT b FROM source', 'python_set(b) AS part');
SELECT show_columns('python_set'), check_ids('python_set'), calls();
SELECT checkpoint.output('python_set') AS output \gset
SELECT sys__input_id, part FROM :output ORDER BY sys__id;

CALL checkpoint.gen('python_table', 'SELECT a FROM source', 'python_table(a)');
SELECT show_columns('python_table'), check_ids('python_table');
SELECT checkpoint.output('python_table') AS output \gset
SELECT sys__input_id, n, doubled FROM :output ORDER BY sys__id;

--
-- The server's own; names as SELECT gives them, or AS.
--
CALL checkpoint.gen('unnest', 'SELECT string_to_array(b, '','') AS parts FROM source', 'unnest(parts)');
CALL checkpoint.gen('unnest as', 'SELECT string_to_array(b, '','') AS parts FROM source', 'unnest(parts) AS "The Part"');
CALL checkpoint.gen('generate_series', 'SELECT a FROM source', 'generate_series(1, a)');
CALL checkpoint.gen('matches', 'SELECT b FROM source', 'regexp_matches(b, ''[x-z]'', ''g'')');
CALL checkpoint.gen('json', 'SELECT b FROM source', 'json_each_text(json_build_object(''b'', b, ''n'', 1))');
CALL checkpoint.gen('expression', 'SELECT a FROM source', 'generate_series(1, a) * 2 AS twice');
CALL checkpoint.gen('as pair', 'SELECT a FROM source', 'next_set(a) AS pair');
SELECT step, show_columns(step), check_ids(step), rows_output FROM checkpoint.steps
WHERE step IN ('unnest', 'unnest as', 'generate_series', 'matches', 'json', 'expression', 'as pair');
SELECT calls();
SELECT checkpoint.output('unnest as') AS output \gset
SELECT sys__input_id, "The Part" FROM :output ORDER BY sys__id;
SELECT checkpoint.output('matches') AS output \gset
SELECT sys__input_id, regexp_matches FROM :output ORDER BY sys__id;
SELECT checkpoint.output('json') AS output \gset
SELECT sys__input_id, key, value FROM :output ORDER BY sys__id;

--
-- An input that yields nothing is processed and stays processed.
--
SELECT step, rows_total, rows_computed, rows_output FROM checkpoint.steps WHERE step = 'next_set';
CREATE FUNCTION fails(a int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('gen.calls');
	FOR i IN 1 .. a / 10 LOOP
		RETURN NEXT i;
		IF a = 33 THEN
			RAISE 'failed on %', a;
		END IF;
	END LOOP;
END $$;
CALL checkpoint.gen('fails', 'VALUES (0), (5), (20), (7), (33), (1), (12), (2)', 'fails(column1) AS n');
-- 0, 5, 20 and 7 are processed, though only 20 has rows; that of 33 is not kept
SELECT rows_total, rows_processed, rows_output, output_table AS output, checkpoint_id
FROM checkpoint.checkpoints WHERE step = 'fails' \gset
SELECT :rows_total AS total, :rows_processed AS processed, :rows_output AS output, calls();
SELECT * FROM :output ORDER BY sys__id;
SELECT string_agg(id::text, ',') FROM checkpoint.processed_ids(:checkpoint_id) id;
CREATE OR REPLACE FUNCTION fails(a int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('gen.calls');
	RETURN QUERY SELECT generate_series(1, a / 10);
END $$;
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('fails', 'VALUES (0), (5), (20), (7), (33), (1), (12), (2)', 'fails(column1) AS n');
SELECT check_ids('fails'), calls();
SELECT * FROM :output ORDER BY sys__id;
-- all of them yield nothing, and are not asked again
CALL checkpoint.gen('nothing', 'SELECT a FROM source WHERE a < 3', 'fails(a) AS none');
SELECT calls();
CALL checkpoint.gen('nothing again', 'SELECT a FROM source WHERE a < 3', 'fails(a) AS none');
SELECT calls();
SELECT step, action, rows_total, rows_output FROM checkpoint.steps WHERE step LIKE 'nothing%';

--
-- Empty input.
--
CALL checkpoint.gen('empty', 'SELECT a FROM source WHERE false', 'next_set(a)');
SELECT show_columns('empty'), calls();
CALL checkpoint.gen('after empty', 'SELECT * FROM empty', 'generate_series(1, l)');
SELECT step, rows_total, rows_output FROM checkpoint.steps WHERE step LIKE '%empty';

--
-- sys__input_id is the sys__id of the row in the step's own input: to group by, say.
--
CALL checkpoint.gen('letters', 'SELECT b FROM source', 'python_set(b) AS part');
CALL checkpoint.query('parts', 'SELECT sys__input_id AS id, count(*) AS n, string_agg(part, ''+'' ORDER BY sys__id) AS parts FROM (SELECT sys__id, sys__input_id, part FROM letters) s GROUP BY 1');
SELECT checkpoint.output('parts') AS output \gset
SELECT id, n, parts FROM :output ORDER BY id;

-- Many rows for one input, in batches smaller than they are.
SET checkpoint.batch_rows = 2;
SET work_mem = '64kB';
CALL checkpoint.gen('many', 'SELECT a FROM source', 'generate_series(1, a * 3000) AS n');
SELECT check_ids('many');
SELECT checkpoint.output('many') AS output \gset
SELECT sys__input_id, count(*), min(n), max(n), count(DISTINCT n) FROM :output GROUP BY 1 ORDER BY 1;
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA gen CASCADE;
