--
-- batch: the UDF of map is called for several rows at once.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE EXTENSION IF NOT EXISTS plpython3u;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA batch;
SET search_path = batch;
CREATE TABLE source (id int, txt text, at date, tags text[]);
INSERT INTO source SELECT i, CASE WHEN i % 10 = 0 THEN NULL ELSE 'row ' || i END, '2026-01-01'::date + i, ARRAY['t' || i]
FROM generate_series(1, 150) i;
CREATE TYPE pair AS (a int, b text);

-- Each call notes how many rows it had.  The sequence is not undone.
CREATE SEQUENCE calls;
CREATE TABLE sizes (n int);
CREATE FUNCTION in_plpgsql(t text[]) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('batch.calls');
	RETURN (SELECT array_agg(upper(x) ORDER BY o) FROM unnest(t) WITH ORDINALITY u(x, o));
END $$;
CREATE FUNCTION in_sql(t text[], suffix text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(x || suffix ORDER BY o) FROM unnest(t) WITH ORDINALITY u(x, o)
$$;
CREATE FUNCTION in_python(t text[]) RETURNS int[] LANGUAGE plpython3u AS $$
	return [len(x) if x else None for x in t]
$$;
CREATE FUNCTION set_sql(t text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT reverse(x) FROM unnest(t) WITH ORDINALITY u(x, o) ORDER BY o
$$;
CREATE FUNCTION set_rows(i int[], t text[]) RETURNS TABLE (twice int, len int) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN 1 .. cardinality(i) LOOP
		twice := i[n] * 2; len := length(t[n]); RETURN NEXT;
	END LOOP;
END $$;
CREATE FUNCTION set_arrays(i int[]) RETURNS SETOF real[] LANGUAGE plpython3u AS $$
	return [[x, x / 2] for x in i]
$$;
CREATE FUNCTION array_of_rows(i int[]) RETURNS pair[] LANGUAGE sql AS $$
	SELECT array_agg(ROW(x, 'b' || x)::batch.pair ORDER BY o) FROM unnest(i) WITH ORDINALITY u(x, o)
$$;
CREATE FUNCTION note_size(i int[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO batch.sizes VALUES (cardinality(i))
$$;

-- Arrays of values go in, arrays or sets come out; what reads no column is the same for each row.
SELECT 1 FROM checkpoint.begin_job('kinds');
CALL checkpoint.map('plpgsql', 'SELECT * FROM source ORDER BY id', 'in_plpgsql(txt) AS u', batch => 64);
SELECT last_value AS calls FROM calls;
CALL checkpoint.map('sql', 'SELECT * FROM source ORDER BY id', 'in_sql(txt, ''!'') AS s, ''x'' AS same, ARRAY[1,2] AS whole', batch => 64);
CALL checkpoint.map('python', 'SELECT * FROM source ORDER BY id', 'in_python(input.txt) AS l', batch => 64);
CALL checkpoint.map('set', 'SELECT id, txt FROM source ORDER BY id', 'set_sql(txt) AS r, in_sql(txt, ''?'') AS s', batch => 64);
CALL checkpoint.map('rows', 'SELECT id, txt FROM source ORDER BY id', 'set_rows(id, txt)', batch => 64);
CALL checkpoint.map('arrays', 'SELECT id, txt FROM source ORDER BY id', 'set_arrays(id) AS v', batch => 7);
CALL checkpoint.map('composites', 'SELECT id FROM source ORDER BY id', 'array_of_rows(id)', batch => 100);
CALL checkpoint.map('composite', 'SELECT id FROM source ORDER BY id', 'array_of_rows(id) AS c', batch => 100);
CALL checkpoint.map('ids', 'SELECT id FROM source ORDER BY id', 'sys__id AS n', batch => 11);
CALL checkpoint.map('nothing', 'SELECT id FROM source WHERE false', 'id AS n', batch => 11);
-- an array of one row is an array
CALL checkpoint.map('one', 'SELECT * FROM source ORDER BY id', 'in_plpgsql(txt) AS u', batch => 1, cache_enabled => false);
SELECT last_value AS calls FROM calls;
CALL checkpoint.map('sizes', 'SELECT id FROM source ORDER BY id', 'note_size(id)', batch => 64);
SELECT n FROM sizes;
-- a sub-select of a call is computed at each call
CALL checkpoint.map('sub', 'SELECT id FROM source ORDER BY id', '(SELECT array_agg(x * 2 ORDER BY o) FROM unnest(id) WITH ORDINALITY u(x, o)) AS d', batch => 9);
SELECT checkpoint.output('plpgsql') AS o \gset
SELECT * FROM :o WHERE sys__id IN (1, 64, 65, 150) ORDER BY sys__id;
CREATE FUNCTION wrong(step text, condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s o FULL JOIN batch.source s ON s.id = o.sys__id WHERE (%s) IS NOT TRUE',
		checkpoint.output(step), condition) INTO result;
	RETURN result;
END $$;
SELECT wrong('plpgsql', 'u IS NOT DISTINCT FROM upper(s.txt) AND o.id = s.id AND o.at = s.at AND o.tags = s.tags'),
	wrong('sql', 's.txt || ''!'' IS NOT DISTINCT FROM o.s AND same = ''x'' AND whole = ''{1,2}'''),
	wrong('python', 'o.l IS NOT DISTINCT FROM nullif(length(s.txt), 0)'),
	wrong('set', 'o.r IS NOT DISTINCT FROM reverse(s.txt) AND o.s IS NOT DISTINCT FROM s.txt || ''?'''),
	wrong('rows', 'twice = s.id * 2 AND len IS NOT DISTINCT FROM length(s.txt)'),
	wrong('arrays', 'v = ARRAY[s.id, s.id / 2.0::real]::real[]'),
	wrong('composites', 'a = s.id AND b = ''b'' || s.id'),
	wrong('composite', '(c).a = s.id AND (c).b = ''b'' || s.id'),
	wrong('ids', 'n = s.id'), wrong('one', 'u IS NOT DISTINCT FROM upper(s.txt)'), wrong('sub', 'd = 2 * s.id');
SELECT checkpoint.end_job();

-- Another batch is the same code: nothing is computed.  explain_job knows of it.
SELECT action, rows_to_compute FROM checkpoint.explain_job('kinds') WHERE step IN ('plpgsql', 'set') ORDER BY step;
SELECT 1 FROM checkpoint.begin_job('kinds');
CALL checkpoint.map('plpgsql', 'SELECT * FROM source ORDER BY id', 'in_plpgsql(txt) AS u', batch => 10);
SELECT checkpoint.end_job();

-- A batch is of rows to be computed, whatever lies between them.
INSERT INTO source SELECT i, 'row ' || i FROM generate_series(151, 170) i;
UPDATE source SET txt = 'other' || id WHERE id % 50 = 1;
TRUNCATE sizes;
CREATE FUNCTION noted(t text[]) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO batch.sizes VALUES (cardinality(t));
	RETURN t;
END $$;
SELECT 1 FROM checkpoint.begin_job('holes');
CALL checkpoint.map('m', 'SELECT id, txt FROM source WHERE id <= 150 ORDER BY id', 'noted(txt) AS n', batch => 50);
SELECT array_agg(n) FROM sizes;
SELECT 1 FROM checkpoint.end_job();
UPDATE source SET txt = 'third' || id WHERE id % 50 = 2;
TRUNCATE sizes;
SELECT 1 FROM checkpoint.begin_job('holes');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'noted(txt) AS n', batch => 16);
SELECT array_agg(n) FROM sizes;
SELECT wrong('m', 'n IS NOT DISTINCT FROM s.txt');
SELECT 1 FROM checkpoint.end_job();

-- Workers: each claims multiples of a batch, so that one batch at most is short.
TRUNCATE sizes;
SELECT 1 FROM checkpoint.begin_job('workers');
CALL checkpoint.map('m', 'SELECT i AS id, ''row '' || i AS txt FROM generate_series(1, 5000) i', 'noted(txt) AS n', batch => 64, workers => 3);
SELECT n, count(*) FROM sizes GROUP BY n ORDER BY n;
SELECT checkpoint.output('m') AS o \gset
SELECT count(*), count(DISTINCT sys__id), bool_and(n = txt AND txt = 'row ' || sys__id) FROM :o;
SELECT 1 FROM checkpoint.end_job();

-- Budgets cut a batch; one call is one for the rate.
TRUNCATE sizes;
SELECT 1 FROM checkpoint.begin_job('budget');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'noted(txt) AS note', batch => 64, max_rows => 100);
\echo :LAST_ERROR_SQLSTATE
SELECT array_agg(n) FROM sizes;
SELECT 1 FROM checkpoint.begin_job('budget');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'noted(txt) AS note', batch => 64, max_rows => 100, workers => 2);
SELECT sum(n) FROM sizes;
SELECT 1 FROM checkpoint.end_job();
CREATE TEMP TABLE began AS SELECT clock_timestamp() AS t;
SELECT 1 FROM checkpoint.begin_job('rate');
-- 2 calls; those of 170 rows would take 85 seconds
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'in_plpgsql(txt) AS n', batch => 85, rate => 2);
SELECT 1 FROM checkpoint.end_job();
SELECT clock_timestamp() - t > '0.9 s' AS waited, clock_timestamp() - t < '1 min' AS not_for_each_row FROM began;

-- The code changes: results of a finished step are computed anew, those of an unfinished one kept.
CREATE FUNCTION changes(i int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	IF 100 = ANY (i) THEN RAISE 'hundred'; END IF;
	RETURN i;
END $$;
SELECT 1 FROM checkpoint.begin_job('changes');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'changes(id) AS n', batch => 64);
CREATE OR REPLACE FUNCTION changes(i int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	RETURN ARRAY(SELECT -x FROM unnest(i) WITH ORDINALITY u(x, o) ORDER BY o);
END $$;
SELECT 1 FROM checkpoint.begin_job('changes');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'changes(id) AS n', batch => 32);
SELECT checkpoint.output('m') AS o \gset
SELECT count(*) FILTER (WHERE n = id) AS before, count(*) FILTER (WHERE n = -id) AS after FROM :o;
SELECT 1 FROM checkpoint.end_job();
CREATE OR REPLACE FUNCTION changes(i int[]) RETURNS int[] LANGUAGE sql AS 'SELECT i';
SELECT 1 FROM checkpoint.begin_job('changes');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'changes(id) AS n', batch => 32);
SELECT 1 FROM checkpoint.end_job();

-- A collation of a column is that of the arrays.
SELECT 1 FROM checkpoint.begin_job('collation');
CALL checkpoint.map('m', 'SELECT txt COLLATE "C" AS c FROM source WHERE id < 3 ORDER BY id', 'ARRAY(SELECT pg_collation_for(x) FROM unnest(c) x) AS r', batch => 2);
SELECT checkpoint.output('m') AS o \gset
SELECT r FROM :o;
SELECT 1 FROM checkpoint.end_job();

-- Arrays of values of many types and sizes, and of nulls; whatever bounds the result has.
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE types AS SELECT i AS id, i::positive AS p, ROW(i, 'c' || i)::pair AS c, nullif(i % 3, 0) AS n, NULL::int AS none,
	decode(repeat(md5(i::text), 4000), 'hex') AS long, repeat('a', 100000) AS packed, i::numeric(10, 2) AS num, 'x'::char(5) AS ch
FROM generate_series(1, 20) i;
CREATE FUNCTION same(positive[]) RETURNS positive[] LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION negative(positive[]) RETURNS positive[] LANGUAGE sql AS 'SELECT array_agg((-x)::batch.positive) FROM unnest($1) x';
CREATE FUNCTION from_five(int[]) RETURNS int[] LANGUAGE sql AS 'SELECT array_fill(7, ARRAY[cardinality($1)], ARRAY[5])';
CREATE FUNCTION lengths(bytea[]) RETURNS int[] LANGUAGE sql AS 'SELECT array_agg(length(x) ORDER BY o) FROM unnest($1) WITH ORDINALITY u(x, o)';
SELECT 1 FROM checkpoint.begin_job('types');
CALL checkpoint.map('types', 'SELECT * FROM types ORDER BY id',
	'same(p) AS p2, c AS c2, n AS n2, none AS none2, long AS long2, packed AS packed2, num AS num2, ch AS ch2, from_five(id) AS seven, lengths(long) AS len',
	batch => 7);
SELECT checkpoint.output('types') AS o \gset
SELECT count(*), bool_and(p = p2 AND c = c2 AND n IS NOT DISTINCT FROM n2 AND none2 IS NULL AND long = long2 AND packed = packed2
	AND num::text = num2::text AND ch = ch2 AND seven = 7 AND len = 64000) AS same FROM :o;
-- the domain's constraint fails in the function, for each row
CALL checkpoint.map('domain', 'SELECT id, p FROM types ORDER BY id', 'negative(p) AS m', batch => 7);
\echo :LAST_ERROR_SQLSTATE

-- An error rate is looked at after each 100 rows or a few more: no batch is cut for it.
SELECT setval('calls', 1, false);
SELECT 1 FROM checkpoint.begin_job('whole');
CALL checkpoint.map('m', 'SELECT i AS id, i::text AS txt FROM generate_series(1, 700) i', 'in_plpgsql(txt) AS u', batch => 7, max_error_rate => 0.5, on_error => 'skip');
SELECT last_value AS calls FROM calls;
SELECT checkpoint.end_job();

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA batch CASCADE;
