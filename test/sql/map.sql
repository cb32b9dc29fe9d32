--
-- map: one output row per input row: all input columns, then the UDF's.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE EXTENSION IF NOT EXISTS plpython3u;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA map;
SET search_path = map;
CREATE TABLE source (a int, b text);
INSERT INTO source VALUES (1, 'one'), (2, 'two'), (3, NULL), (NULL, 'none'), (NULL, NULL), (1, 'one');
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('map.calls') - 1;
BEGIN
	PERFORM setval('map.calls', 1, false);
	RETURN n;
END $$;

-- show_columns lists the columns of a step's output.
CREATE FUNCTION show_columns(step text) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = checkpoint.output(step) AND attnum > 0
$$;

SELECT checkpoint.begin_job('map') AS job \gset

--
-- A select list: several expressions, AS names, names as SELECT gives them.
--
CALL checkpoint.map('list', 'SELECT a, b FROM source',
	'a + 1 AS next, upper(b), b || ''!'', ''x''::varchar(3), CASE WHEN a > 1 THEN 2.5 END, a AS "A b""c", NULL AS nothing');
SELECT show_columns('list');
SELECT checkpoint.output('list') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

-- Columns that the input's name qualifies, that need quotes, and the row's number.
CALL checkpoint.map('input', 'SELECT a AS "Col 1", b FROM source', 'input."Col 1" * 2 AS twice, "Col 1" + 1 AS next, sys__id AS id');
SELECT checkpoint.output('input') AS output \gset
SELECT *, id = sys__id AS same FROM :output ORDER BY sys__id;

-- The input's columns come first, whatever the query calls them and however many.
CALL checkpoint.map('input columns', 'SELECT s.*, count(*) OVER () AS n, row(a, b) IS NULL AS nulls FROM source s', '1 AS one');
SELECT show_columns('input columns');

--
-- The row as a whole.
--
CALL checkpoint.map('whole', 'SELECT a, b FROM source', 'row_to_json(input) AS j, num_nulls(a, b) AS nulls');
SELECT checkpoint.output('whole') AS output \gset
SELECT j::jsonb - 'sys__id' AS j, nulls FROM :output ORDER BY sys__id;
CREATE FUNCTION takes_record(r record) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN coalesce(r.a::text, '-') || coalesce(r.b, '-');
END $$;
CALL checkpoint.map('record', 'SELECT a, b FROM source', 'takes_record(input)');
SELECT checkpoint.output('record') AS output \gset
SELECT string_agg(takes_record, ' ' ORDER BY sys__id) FROM :output;

--
-- Functions that return several columns: evaluated once per row.
--
CREATE TYPE pair AS (l int, r text);
CREATE FUNCTION composite(a int) RETURNS pair LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('map.calls');
	IF a IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN (a, repeat('x', a));
END $$;
CREATE FUNCTION out_params(a int, OUT l int, OUT r text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('map.calls');
	l := a; r := repeat('o', a);
END $$;
CALL checkpoint.map('composite', 'SELECT a FROM source', 'composite(a)');
SELECT show_columns('composite'), calls();
SELECT checkpoint.output('composite') AS output \gset
SELECT * FROM :output ORDER BY sys__id;
CALL checkpoint.map('star', 'SELECT a, b FROM source', '(composite(a)).*');
SELECT show_columns('star'), calls();
CALL checkpoint.map('out', 'SELECT a FROM source', 'out_params(a)');
SELECT show_columns('out'), calls();
SELECT checkpoint.output('out') AS output \gset
SELECT * FROM :output ORDER BY sys__id;
CALL checkpoint.map('out star', 'SELECT a, b FROM source', '(map.out_params(a)).*, 1 AS more, out_params(2) IS NULL AS last');
SELECT show_columns('out star'), calls();
-- one column of the type, if it has a name
CALL checkpoint.map('named', 'SELECT a FROM source', 'composite(a) AS pair');
SELECT show_columns('named'), calls();
SELECT checkpoint.output('named') AS output \gset
SELECT pair, (pair).r FROM :output ORDER BY sys__id;
CREATE DOMAIN dpair AS pair CHECK ((VALUE).l < 10);
CREATE FUNCTION domain_pair(a int) RETURNS dpair LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('map.calls');
	RETURN (a, 'd'::text);
END $$;
CALL checkpoint.map('domain', 'SELECT a FROM source', 'domain_pair(a)');
SELECT show_columns('domain'), calls();
SELECT checkpoint.output('domain') AS output \gset
SELECT count(l), count(r), min(r) FROM :output;
-- one field
CALL checkpoint.map('field', 'SELECT a FROM source', '(composite(a)).r');
SELECT show_columns('field'), calls();
-- a function over a table's row type, with a dropped column
CREATE TABLE rows (x int, gone text, y int);
ALTER TABLE rows DROP gone;
INSERT INTO rows VALUES (1, 11), (2, 22);
CREATE FUNCTION find(a int) RETURNS rows LANGUAGE sql AS $$ SELECT r FROM map.rows r WHERE r.x = a $$;
CALL checkpoint.map('rows', 'SELECT a FROM source', 'find(a)');
SELECT show_columns('rows');
SELECT checkpoint.output('rows') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

--
-- Sub-selects: over tables, correlated, EXISTS, arrays; joins and aggregates inside them.
--
CREATE TABLE words (n int, word text);
INSERT INTO words VALUES (1, 'uno'), (2, 'due'), (2, 'dos');
CALL checkpoint.map('sub', 'SELECT a, b FROM source',
	'(SELECT count(*) FROM words WHERE n = a) AS n,
	EXISTS (SELECT FROM words w WHERE w.n = input.a) AS found,
	ARRAY(SELECT word FROM words w JOIN rows ON x = n WHERE w.n = a ORDER BY 1) AS words');
SELECT checkpoint.output('sub') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

--
-- Any language.
--
CREATE FUNCTION in_sql(a int, b text DEFAULT 'dflt') RETURNS text LANGUAGE sql RETURN coalesce(a, 0)::text || b;
CREATE FUNCTION in_python(a int, b text) RETURNS text LANGUAGE plpython3u AS $$
if a is None:
    return None
return f'{b}:{a:03d}'
$$;
CREATE FUNCTION in_python_row(a int) RETURNS pair LANGUAGE plpython3u AS $$
return {'l': a, 'r': 'py'} if a != 2 else (2, 'tuple')
$$;
CREATE FUNCTION is_variadic(VARIADIC ints int[]) RETURNS int LANGUAGE sql AS $$ SELECT sum(i)::int FROM unnest(ints) i $$;
CREATE FUNCTION is_strict(a int) RETURNS int STRICT LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('map.calls');
	RETURN a;
END $$;
CALL checkpoint.map('languages', 'SELECT a, b FROM source',
	'in_sql(a, b) AS sql, in_sql(a) AS by_default, in_sql(b => ''named'', a => a) AS named, in_python(a, b) AS python, is_variadic(a, 1, 2) AS var, is_strict(a) AS strict');
SELECT checkpoint.output('languages') AS output \gset
SELECT sql, by_default, named, python, var, strict FROM :output ORDER BY sys__id;
SELECT calls() AS strict_calls;
CALL checkpoint.map('python row', 'SELECT a FROM source WHERE a < 3', 'in_python_row(a)');
SELECT checkpoint.output('python row') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

--
-- A function that may return several rows for one input row, or none, is refused
-- before the job is touched, with an error that says to use gen.
--
SELECT checkpoint.end_job();
\set VERBOSITY default
SELECT checkpoint.begin_job('rows') AS job \gset
CALL checkpoint.map('several', 'SELECT generate_series(1, 3) AS a', 'generate_series(1, a) AS n');
\set VERBOSITY terse
CALL checkpoint.map('one', 'SELECT generate_series(1, 3) AS a', 'abs(a) AS n, 1 + generate_series(a, a) AS m');
SELECT status, (SELECT count(*) FROM checkpoint.steps WHERE job_id = :job) AS steps FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.map('sub-select', 'SELECT generate_series(1, 3) AS a', '(SELECT max(g) FROM generate_series(1, a) g) AS n');
SELECT checkpoint.output('sub-select') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

--
-- A function that returns void gives no column.
--
CREATE TABLE seen (a int);
CREATE FUNCTION sees(a int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO map.seen VALUES (a);
	IF a = 3 THEN
		RAISE 'cannot see %', a;
	END IF;
END $$;
CALL checkpoint.map('void', 'SELECT a FROM source WHERE a < 3', 'sees(a)');
SELECT show_columns('void');
CALL checkpoint.map('void and more', 'SELECT a FROM source WHERE a < 3', '-a AS m, sees(a) AS nothing, a + 1 AS n', workers => 2);
SELECT show_columns('void and more');
SELECT checkpoint.output('void') AS output, checkpoint.output('void and more') AS more \gset
SELECT v.*, m.m, m.n FROM :output v JOIN :more m USING (sys__id) ORDER BY sys__id;
SELECT a, count(*) FROM seen GROUP BY a ORDER BY a;
CALL checkpoint.query('after void', 'SELECT * FROM void');
CALL checkpoint.map('void stops', 'SELECT a FROM source WHERE a < 5 ORDER BY a', 'sees(a), sees(-a)');
SELECT a, count(*) FROM seen GROUP BY a ORDER BY a;
CREATE OR REPLACE FUNCTION sees(a int) RETURNS void LANGUAGE sql AS 'INSERT INTO map.seen VALUES (a)';
SELECT checkpoint.begin_job('rows') AS job \gset
CALL checkpoint.map('void stops', 'SELECT a FROM source WHERE a < 5 ORDER BY a', 'sees(a), sees(-a)');
SELECT a, count(*) FROM seen GROUP BY a ORDER BY a;
-- carried over
CALL checkpoint.map('void carried', 'SELECT a FROM source WHERE a < 3', 'sees(a)', cache_version => '2');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('rows') AS job \gset
CALL checkpoint.map('void carried', 'SELECT a FROM source WHERE a < 4', 'sees(a)', cache_version => '2');
-- a set of nothing
CREATE FUNCTION sees_set(a int) RETURNS SETOF void LANGUAGE sql AS 'SELECT map.sees(a) FROM generate_series(1, a)';
CALL checkpoint.gen('void set', 'SELECT a FROM source WHERE a < 3 ORDER BY a', 'sees_set(a)');
SELECT show_columns('void set');
SELECT checkpoint.output('void set') AS output \gset
SELECT * FROM :output ORDER BY sys__id;

-- No rows at all.
CALL checkpoint.map('empty', 'SELECT a FROM source WHERE false', 'composite(a)');
SELECT show_columns('empty'), calls();
CALL checkpoint.map('after empty', 'SELECT * FROM empty', '1 AS one');
SELECT step, rows_total, rows_computed, rows_output FROM checkpoint.steps WHERE step LIKE '%empty';
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA map CASCADE;
