--
-- A step hashes the long values of its input once, when it writes them, and each row
-- of its output by the values that it has: also where they are none of those hashed.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA long;
SET search_path = long;
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;

-- Values that compress well, hardly, or are not to be compressed, from what is not long
-- to a megabyte; nulls; and the same value in many rows.
CREATE FUNCTION hardly(seed int, size int) RETURNS text LANGUAGE sql AS $$
	SELECT left(string_agg(md5(format('%s %s', seed, n)), '' ORDER BY n), size) FROM generate_series(1, size / 32 + 1) n
$$;
CREATE TABLE source (id int, plain text, a text, b jsonb, c bytea, d text, n numeric, e int[]);
ALTER TABLE source ALTER c SET STORAGE EXTERNAL, ALTER d SET STORAGE MAIN;
DO $$
BEGIN
	IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
		ALTER TABLE source ALTER b SET COMPRESSION lz4, ALTER n SET COMPRESSION lz4;
	END IF;
END $$;
INSERT INTO source
SELECT i, 'row ' || i, CASE i % 3 WHEN 0 THEN repeat('abc' || i, size) WHEN 1 THEN hardly(i, size) END,
	CASE WHEN i % 4 > 0 THEN jsonb_build_object('key', repeat('x', size), 'i', i) END,
	convert_to(hardly(i % 2, size), 'UTF8'), repeat('main' || i, least(size / 4, 5000)),
	('1' || repeat('0', least(size, 100000)) || i)::numeric, ARRAY(SELECT generate_series(i, i + size / 10))
FROM generate_series(1, 24) i,
	LATERAL (SELECT (ARRAY[10, 1000, 1025, 2100, 9000, 70000, 400000, 1000000])[1 + i % 8] AS size) s;
CREATE TABLE same AS SELECT s.*, k FROM (SELECT id, a, b FROM source WHERE id IN (6, 7, 15)) s, generate_series(1, 40) k;

CREATE FUNCTION changed(t text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN length(t) > 100 THEN overlay(t PLACING 'X' FROM length(t) / 2) ELSE t END;
END $$;
CREATE FUNCTION several(t text) RETURNS TABLE (k int, part text, again text) LANGUAGE sql AS $$
	SELECT k, left(t, length(t) / k), t FROM generate_series(1, 3) k
$$;
CREATE FUNCTION lengths(t text[]) RETURNS int[] LANGUAGE sql AS $$ SELECT array_agg(length(x)) FROM unnest(t) x $$;

SELECT checkpoint.begin_job('hashes') AS job \gset
CALL checkpoint.query('query', 'SELECT * FROM source');
CALL checkpoint.map('same values', 'SELECT * FROM source', 'length(a)');
CALL checkpoint.map('other values', 'SELECT * FROM source', 'changed(a) AS a2, a AS a3, c AS c2');
CALL checkpoint.map('other columns', 'SELECT c, id, a, n FROM source ORDER BY id DESC', 'changed(a) AS a2');
CALL checkpoint.map('many rows', 'SELECT * FROM same', 'length(a)');
CALL checkpoint.map('over a step', 'SELECT * FROM "same values"', 'changed(a) AS a2');
CALL checkpoint.map('made', 'SELECT id, changed(a) AS a, c || c AS c, b FROM source', 'length(a)');
CALL checkpoint.map('several', 'SELECT id, a, b FROM source', 'lengths(a) AS l', batch => 5);
CALL checkpoint.gen('kept', 'SELECT id, a, b, c FROM source', 'several(a)', keep => 'c, a');
CALL checkpoint.gen('not kept', 'SELECT id, a FROM source', 'several(a)');
CALL checkpoint.agg('groups', 'SELECT k, a, b, id % 2 AS id FROM same', 'max(length(a)) AS l', partition_by => 'id, a');
CALL checkpoint.map('workers', 'SELECT * FROM source', 'length(b::text)', workers => 2);
SELECT count(*) AS steps, count(*) FILTER (WHERE state = 'final') AS final FROM checkpoint.checkpoints;
SELECT public.wrong_records();
SELECT checkpoint.output('same values') AS output \gset
SELECT count(*) AS other FROM :output o FULL JOIN source s USING (id)
WHERE (o.a, o.b, o.c, o.d, o.n, o.e) IS DISTINCT FROM (s.a, s.b, s.c, s.d, s.n, s.e);
SELECT checkpoint.end_job();

-- A value of the same length in a row that was changed is another input.
UPDATE source SET a = changed(a), c = overlay(c PLACING 'X' FROM length(c) / 2) WHERE id % 3 = 1;
SELECT checkpoint.begin_job('hashes') AS job \gset
CALL checkpoint.map('same values', 'SELECT * FROM source', 'length(a)');
CALL checkpoint.gen('kept', 'SELECT id, a, b, c FROM source', 'several(a)', keep => 'c, a');
SELECT checkpoint.end_job();
SELECT count(*), count(DISTINCT content_hash) FROM checkpoint.checkpoints WHERE step = 'same values';
SELECT public.wrong_records();

-- Rows that fail, are given up, or are computed by another session.
CREATE FUNCTION picky(id int, a text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF id = ANY (current_setting('test.' || 'fail')::int[]) THEN
		RAISE 'failed on %', id;
	END IF;
	RETURN length(a);
END $$;
SET test.fail = '{15}';
SELECT checkpoint.begin_job('failing') AS job \gset
CALL checkpoint.map('m', 'SELECT id, a, c FROM source ORDER BY id', 'picky(id, a)');
SELECT rows_processed FROM checkpoint.checkpoints WHERE job = 'failing';
\c
SET client_min_messages = warning;
SET search_path = long;
SET test.fail = '{17,18}';
SELECT checkpoint.begin_job('failing') AS job \gset
CALL checkpoint.map('m', 'SELECT id, a, c FROM source ORDER BY id', 'picky(id, a)', on_error => 'skip', max_errors => 5);
CALL checkpoint.map('n', 'SELECT id, a, c, 2 AS n FROM source ORDER BY id', 'picky(id, a)', on_error => 'skip', max_errors => 5);
SET test.fail = '{}';
SELECT checkpoint.begin_job('failing') AS job \gset
CALL checkpoint.map('m', 'SELECT id, a, c FROM source ORDER BY id', 'picky(id, a)');
CALL checkpoint.map('n', 'SELECT id, a, c, 2 AS n FROM source ORDER BY id', 'picky(id, a)');
SELECT checkpoint.end_job();
SELECT step, state, rows_processed FROM checkpoint.checkpoints WHERE job = 'failing' ORDER BY step;
SELECT public.wrong_records();

-- All values have the same length, in all rows and columns; some are in rows where
-- others have been hashed, and they have not.
CREATE TABLE alike (id int, a text, b text, c text);
ALTER TABLE alike ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER c SET STORAGE EXTERNAL;
INSERT INTO alike SELECT i, hardly(i, 9000), hardly(i + 100, 9000), hardly(i + 200, 9000) FROM generate_series(1, 12) i;
CREATE TABLE compressed AS SELECT i AS id, left(repeat('a ' || i, 900), 1800) AS a, left(repeat('b ' || i, 900), 1800) AS b,
	left(repeat('c ' || i, 900), 1800) AS c FROM generate_series(1, 12) i;
SELECT checkpoint.begin_job('alike') AS job \gset
CALL checkpoint.map('map', 'SELECT id, c || '''' AS c, b || '''' AS b, a FROM compressed', 'changed(a) AS x');
CALL checkpoint.gen('gen', 'SELECT a, b, c FROM alike', 'several(a)', keep => 'c, b, a');
CALL checkpoint.agg('agg', 'SELECT id % 3 AS id, a, b, c FROM alike', 'max(c) AS m', partition_by => 'id, b');
SELECT checkpoint.end_job();
SELECT count(*) AS steps, count(*) FILTER (WHERE state = 'final') AS final FROM checkpoint.checkpoints WHERE job = 'alike';
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA long CASCADE;
