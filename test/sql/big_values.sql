--
-- Large values, wide rows, many rows, and none.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA big;
SET search_path = big;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('big.calls') - 1;
BEGIN
	PERFORM setval('big.calls', 1, false);
	RETURN n;
END $$;

-- Kept compressed, out of line, both, and neither.
CREATE TABLE source (id int, kind text, t text, b bytea, a int[], j jsonb);
INSERT INTO source
SELECT id, kind, t, t::bytea, ARRAY(SELECT n FROM generate_series(1, length(t) / 10) n),
	jsonb_build_object('t', t)
FROM (VALUES (1, 'small', 'x'), (2, 'compressible', repeat('ab', 50000)),
	(3, 'incompressible', (SELECT string_agg(md5(n::text), '' ORDER BY n) FROM generate_series(1, 5000) n)),
	(4, 'megabytes', repeat('0123456789abcdef', 130000)), (5, 'none', NULL)) v (id, kind, t);
CREATE FUNCTION reversed(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('big.calls');
	RETURN reverse(t);
END $$;
CREATE FUNCTION halves(t text) RETURNS TABLE (n int, half text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('big.calls');
	RETURN QUERY SELECT 1, left(t, length(t) / 2) UNION ALL SELECT 2, substr(t, length(t) / 2 + 1);
END $$;

SELECT checkpoint.begin_job('big') AS job \gset
CALL checkpoint.map('map', 'SELECT * FROM source', 'reversed(t) AS r, b AS b2, a AS a2, j AS j2');
SELECT checkpoint.output('map') AS output \gset
SELECT s.kind, length(o.t), o.r = reverse(s.t) AS r, o.t = s.t AND o.b = s.b AND o.a = s.a AND o.j = s.j AS input,
	o.b2 = s.b AND o.a2 = s.a AND o.j2 = s.j AS output
FROM source s LEFT JOIN :output o USING (id) ORDER BY id;
CALL checkpoint.gen('gen', 'SELECT id, t FROM map', 'halves(t)');
SELECT checkpoint.output('gen') AS output \gset
SELECT s.kind, (SELECT string_agg(half, '' ORDER BY n) FROM :output o WHERE o.sys__input_id = s.id) = s.t AS same
FROM source s ORDER BY id;
CALL checkpoint.query('query', 'SELECT * FROM source');
SELECT checkpoint.end_job();
SELECT calls();

-- Rule 1: how a value is kept is no part of it.
CREATE TABLE other_storage (LIKE source);
ALTER TABLE other_storage ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER a SET STORAGE EXTERNAL, ALTER j SET STORAGE MAIN;
INSERT INTO other_storage SELECT id, kind, t || '', b || '', a || '{}'::int[], j || '{}' FROM source;
SELECT checkpoint.begin_job('other') AS job \gset
CALL checkpoint.map('map', 'SELECT * FROM other_storage', 'reversed(t) AS r, b AS b2, a AS a2, j AS j2');
CALL checkpoint.gen('gen', 'SELECT id, t || '''' AS t FROM other_storage', 'halves(t)');
SELECT checkpoint.end_job();
SELECT calls();

-- A large value that fails leaves the others.
CREATE FUNCTION picky(t text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('big.calls');
	IF length(t) > 1000000 THEN
		RAISE 'too long: % characters', length(t);
	END IF;
	RETURN length(t);
END $$;
SELECT checkpoint.begin_job('picky') AS job \gset
CALL checkpoint.map('map', 'SELECT id, t FROM source ORDER BY id', 'picky(t)');
CREATE OR REPLACE FUNCTION picky(t text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('big.calls');
	RETURN length(t);
END $$;
SELECT checkpoint.begin_job('picky') AS job \gset
CALL checkpoint.map('map', 'SELECT id, t FROM source ORDER BY id', 'picky(t)');
SELECT calls();
-- one changed character is another input
UPDATE source SET t = overlay(t PLACING 'X' FROM 1000000) WHERE id = 4;
CALL checkpoint.map('changed', 'SELECT id, t FROM source ORDER BY id', 'picky(t)');
SELECT checkpoint.end_job();

--
-- A single row of 100 MB.
--
CREATE FUNCTION grown(n int) RETURNS text LANGUAGE sql AS $$ SELECT repeat('x', n) $$;
SELECT checkpoint.begin_job('huge') AS job \gset
CALL checkpoint.map('map', 'SELECT 100000000 AS n', 'grown(n) AS t');
CALL checkpoint.gen('gen', 'SELECT t FROM map', 'unnest(ARRAY[length(t), ascii(t)]) AS l');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('huge') AS job \gset
CALL checkpoint.map('map', 'SELECT 100000000 AS n', 'grown(n) AS t');
CALL checkpoint.gen('gen', 'SELECT t FROM map', 'unnest(ARRAY[length(t), ascii(t)]) AS l');
SELECT checkpoint.output('gen') AS output \gset
SELECT l FROM :output ORDER BY sys__id;
SELECT checkpoint.end_job();

--
-- As many columns as a table may have: 1,600, with sys__id.
--
SELECT 'SELECT ' || string_agg('true AS c' || n, ', ') AS input FROM generate_series(1, 1598) n \gset
SELECT :'input' || ', true AS c1599' AS more_input, :'input' || ', true AS c1599, true AS c1600' AS too_much_input \gset
SELECT string_agg('one > 0 AS d' || n, ', ') AS udf FROM generate_series(1, 1598) n \gset
\set VERBOSITY default
SELECT checkpoint.begin_job('wide') AS job \gset
CALL checkpoint.map('map', :'input', 'NOT c1598 AS last');
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid = checkpoint.output('map') AND attnum > 0;
SELECT checkpoint.output('map') AS output \gset
SELECT c1, c1598, last FROM :output;
CALL checkpoint.map('too wide', :'more_input', 'NOT c1598 AS last');
CALL checkpoint.gen('gen', :'more_input', 'generate_series(1, 2) AS n');
CALL checkpoint.query('query', :'more_input');
CALL checkpoint.query('too wide', :'too_much_input');
CALL checkpoint.gen('too wide', :'too_much_input', 'generate_series(1, 2) AS n');
CALL checkpoint.map('too wide', 'SELECT 1 AS one', :'udf' || ', true AS d1599');
CALL checkpoint.map('wide udf', 'SELECT 1 AS one', :'udf');
SELECT step, action, rows_output FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job();

-- A row that fits its columns but not its page.
SELECT 'SELECT ' || string_agg(n || '::bigint AS c' || n, ', ') AS input FROM generate_series(1, 1500) n \gset
SELECT checkpoint.begin_job('wide') AS job \gset
CALL checkpoint.query('wide rows', :'input');
SELECT checkpoint.begin_job('wide') AS job \gset
CALL checkpoint.map('wide rows', 'SELECT 1 AS one', substr(:'input', 8));
SELECT rows_total, rows_processed FROM checkpoint.checkpoints WHERE step = 'wide rows';
\set VERBOSITY terse

--
-- More rows than a range of the processed set holds (8192), failing at its borders.
--
CREATE FUNCTION border(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('big.calls');
	IF n = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', n;
	END IF;
	RETURN n;
END $$;
SELECT calls() > 0 AS before;
SET test.fails_on = 8192;
SELECT checkpoint.begin_job('borders') AS job \gset
CALL checkpoint.map('map', 'SELECT n FROM generate_series(1, 33000) n', 'border(n)');
SET test.fails_on = 8193;
SELECT checkpoint.begin_job('borders') AS job \gset
CALL checkpoint.map('map', 'SELECT n FROM generate_series(1, 33000) n', 'border(n)');
SET test.fails_on = 16385;
SELECT checkpoint.begin_job('borders') AS job \gset
CALL checkpoint.map('map', 'SELECT n FROM generate_series(1, 33000) n', 'border(n)');
SET test.fails_on = 24577;
SELECT checkpoint.begin_job('borders') AS job \gset
CALL checkpoint.map('map', 'SELECT n FROM generate_series(1, 33000) n', 'border(n)');
-- three full ranges are loaded, four are stored
SET test.fails_on = 32800;
SELECT checkpoint.begin_job('borders') AS job \gset
CALL checkpoint.map('map', 'SELECT n FROM generate_series(1, 33000) n', 'border(n)');
SELECT checkpoint_id AS cp FROM checkpoint.checkpoints WHERE job = 'borders' \gset
SELECT count(*), min(id), max(id) FROM checkpoint.processed_ids(:cp) id;
SELECT count(*), min(id), max(id) FROM checkpoint.remaining_ids(:cp) id;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('borders') AS job \gset
CALL checkpoint.map('map', 'SELECT n FROM generate_series(1, 33000) n', 'border(n)');
SELECT checkpoint.output('map') AS output \gset
SELECT count(*), count(DISTINCT sys__id), sum(border) = sum(n) AS same FROM :output;
SELECT checkpoint.end_job();
-- 33,000 and the five that failed
SELECT calls();

-- Long values are stored as they come from a table: what compressed well stays
-- compressed, and of the others nobody tries it again.  What a query or a function
-- makes is compressed as usual.
CREATE TABLE long_values (id int, even text, odd text, short text);
ALTER TABLE long_values ALTER COLUMN odd SET STORAGE EXTERNAL;
INSERT INTO long_values VALUES (1, repeat('even', 5000), repeat('odd', 5000), 'short');
CREATE VIEW long_view AS SELECT id, odd || '' AS odd FROM long_values;
SELECT checkpoint.begin_job('long values') AS job \gset
CALL checkpoint.query('stored', 'SELECT l.id, l.even, l.odd FROM long_values l JOIN long_values r USING (id)');
CALL checkpoint.map('copied', 'SELECT id, even, odd FROM stored', 'upper(odd) AS made');
CALL checkpoint.query('through_view', 'SELECT odd FROM long_view');
CALL checkpoint.query('either', 'SELECT odd FROM long_values UNION ALL SELECT odd || '''' FROM long_values');
SELECT checkpoint.output('stored') AS stored, checkpoint.output('copied') AS copied,
    checkpoint.output('through_view') AS through_view, checkpoint.output('either') AS either \gset
SELECT pg_column_size(even) < 1000 AS even, pg_column_size(odd) AS odd FROM :stored;
SELECT pg_column_size(even) < 1000 AS even, pg_column_size(odd) AS odd, pg_column_size(made) < 1000 AS made FROM :copied;
SELECT pg_column_size(odd) < 1000 AS odd FROM :through_view;
SELECT pg_column_size(odd) < 1000 AS odd FROM :either;
SELECT checkpoint.content_hash(l.even, l.odd) = (SELECT checkpoint.content_hash(c.even, c.odd) FROM :copied c) AS same FROM long_values l;
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA big CASCADE;
