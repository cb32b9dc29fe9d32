--
-- Rows are written many pages at a time: they lie as close as those of CREATE
-- TABLE AS, what their owner has done to them is respected, and whatever
-- the values, the rows are those of a plain SELECT and their hash is its hash.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA append;
SET search_path = append;
SET checkpoint.commit_interval = '20ms';
CREATE TABLE source AS SELECT i AS x, repeat(md5(i::text), i % 4) AS t FROM generate_series(1, 50000) i;
CREATE TABLE fails_on (x int);
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x % 1000 = 0 AND EXISTS (SELECT FROM fails_on o WHERE o.x = f.x) THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 2;
END $$;
CREATE FUNCTION pages(regclass) RETURNS bigint LANGUAGE sql AS
'SELECT pg_relation_size($1) / current_setting(''block_size'')::int';
-- those up to the last one that has a row
CREATE FUNCTION used_pages(regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT max((ctid::text::point)[0]) + 1 FROM %s', $1) INTO n;
	RETURN n;
END $$;
-- The server itself adds pages ahead of the rows since version 16, to a table of
-- CREATE TABLE AS, too: up to 64 at the end, and what a transaction does not
-- fill while another goes on behind it.
SELECT current_setting('server_version_num')::int >= 160000 AS server_adds_pages \gset
CREATE FUNCTION content_hash(regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hash text;
BEGIN
	EXECUTE format('SELECT checkpoint.content_hash(t) FROM %s t', $1) INTO hash;
	RETURN hash;
END $$;

--
-- No table ends in pages that nothing was written to.
--
CREATE TABLE plain_input AS SELECT x::bigint AS sys__id, * FROM source;
CREATE TABLE plain_output AS SELECT *, x * 2 AS y FROM plain_input;
SELECT checkpoint.begin_job('size') AS job \gset
CALL checkpoint.map('one', 'SELECT * FROM source', 'f(x) AS y');
CALL checkpoint.map('two', 'SELECT * FROM source', 'f(x) AS y', workers => 2, cache_enabled => false);
CALL checkpoint.query('query', 'SELECT * FROM source');
SELECT step, used_pages(output_table) - used_pages('plain_output') <=
	CASE WHEN :'server_adds_pages' THEN used_pages('plain_output') / 4 ELSE 10 END AS output_is_small
FROM checkpoint.steps WHERE kind = 'map' ORDER BY step;
SELECT checkpoint.output('query') AS query \gset
SELECT used_pages(:'query') - used_pages('plain_input') AS query_is_larger;
SELECT step, pages(output_table) - used_pages(output_table) <=
	CASE WHEN :'server_adds_pages' THEN 64 ELSE 0 END AS ends_in_rows
FROM checkpoint.steps WHERE job = 'size' ORDER BY step;
-- rows stand in the order of their ids
SELECT count(*) FROM (SELECT sys__id, row_number() OVER (ORDER BY ctid) AS n FROM :query) q WHERE sys__id <> n;
SELECT checkpoint.output('two') AS two \gset
(SELECT x, t, y FROM :two EXCEPT ALL SELECT x, t, x * 2 FROM source)
UNION ALL (SELECT x, t, x * 2 FROM source EXCEPT ALL SELECT x, t, y FROM :two);
SELECT checkpoint.end_job();

--
-- An index, a fillfactor and a column that is stored elsewhere, which the owner
-- has given to a table that is half full.
--
INSERT INTO fails_on VALUES (20000);
SELECT checkpoint.begin_job('altered') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source', 'f(x) AS y', workers => 2, cache_version => 'altered');
SELECT output_table AS output, input_table AS input FROM checkpoint.steps WHERE job = 'altered' \gset
ALTER TABLE :output SET (fillfactor = 20);
ALTER TABLE :output ALTER t SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX ON :output (sys__id);
CREATE INDEX ON :output ((y + 1)) WHERE x % 2 = 0;
TRUNCATE fails_on;
SELECT pages(:'output') AS pages_before \gset
SELECT checkpoint.begin_job('altered') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source', 'f(x) AS y', workers => 2, cache_version => 'altered');
-- at 20 %, new pages have a fifth of what they could
SELECT max(length) > 4000 AS full_before FROM (SELECT sum(length(t) + 50) AS length FROM :output
	WHERE (ctid::text::point)[0] < :pages_before - 2 GROUP BY (ctid::text::point)[0]) p;
SELECT max(length) < 2000 AS sparse_after FROM (SELECT sum(length(t) + 50) AS length FROM :output
	WHERE (ctid::text::point)[0] > :pages_before + 2 GROUP BY (ctid::text::point)[0]) p;
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT count(*) FROM :output WHERE sys__id > 0;
SELECT count(*), sum(y) FROM :output WHERE sys__id > 0;
SELECT count(*), sum(y) FROM :output WHERE y + 1 > 0 AND x % 2 = 0;
RESET enable_seqscan;
(SELECT x, t, y FROM :output EXCEPT ALL SELECT x, t, x * 2 FROM source)
UNION ALL (SELECT x, t, x * 2 FROM source EXCEPT ALL SELECT x, t, y FROM :output);
SELECT checkpoint.end_job();

--
-- Values of all kinds: a hash of what a query returns, of what was written and
-- of what is read is one and the same.
--
CREATE TABLE kinds (a int2, b text, c float4, d float8, e "char", f numeric, g interval, h bytea, i int[], j name, k uuid);
INSERT INTO kinds VALUES
	(1, 'short', 1.5, -0.0, 'x', 1.00, '1 day', '\x00', '{1,NULL}', 'n', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
	(2, repeat('b', 126), 'NaN', 0.0, 'y', 'NaN', '1 mon', '', '{}', '', NULL),
	(3, repeat('c', 127), '-Infinity', 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(NULL, repeat('d', 1024), NULL, NULL, 'z', 0.1, NULL, '\x01', '{}', 'o', NULL),
	(NULL, repeat('e', 1025), 0, 0, '', 1e100, NULL, '\x02', '{}', 'p', NULL),
	(4, repeat('compressible', 1000), 0, 0, '', 0, '1s', '\x03', '{}', 'q', NULL),
	(5, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i), 0, 0, '', 0, '1s', '\x04', '{}', 'r', NULL),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- short again, but not stored like that
CREATE TABLE plain_kinds (LIKE kinds);
ALTER TABLE plain_kinds ALTER b SET STORAGE PLAIN;
INSERT INTO plain_kinds SELECT * FROM kinds WHERE length(b) < 2000 OR b IS NULL;
SELECT checkpoint.begin_job('kinds') AS job \gset
CALL checkpoint.query('all', 'SELECT * FROM kinds');
CALL checkpoint.query('one by one', 'SELECT a, b, c, d, e, f, g, h, i, j, k FROM kinds ORDER BY random()');
CALL checkpoint.query('fixed', 'SELECT a, c, d, e, g, k FROM kinds');
CALL checkpoint.query('images', 'SELECT b, a, h, c, f, d FROM kinds');
CALL checkpoint.query('not short', 'SELECT b, a, f FROM plain_kinds');
CALL checkpoint.query('short', 'SELECT b, a, f FROM kinds WHERE length(b) < 2000 OR b IS NULL');
CALL checkpoint.map('map', 'SELECT * FROM kinds', 'b || a AS ba, i[1] AS i1, NULL::text AS n');
CALL checkpoint.map('map of images', 'SELECT b, a, h, c, f, d FROM kinds', 'a + 1 AS a1, b AS b1, array[a] AS array');
SELECT s.step, c.content_hash = content_hash(s.output_table) AS same
FROM checkpoint.steps s JOIN checkpoint.checkpoints c USING (checkpoint_id)
WHERE s.job = 'kinds' ORDER BY s.step;
SELECT count(DISTINCT content_hash) FROM checkpoint.checkpoints WHERE step IN ('all', 'one by one');
SELECT count(DISTINCT content_hash) FROM checkpoint.checkpoints WHERE step IN ('short', 'not short');
SELECT checkpoint.end_job();
-- what is only read has the hash of what was written
SELECT checkpoint.begin_job('kinds') AS job \gset
CALL checkpoint.query('all', 'SELECT * FROM kinds');
CALL checkpoint.query('images', 'SELECT b, a, h, c, f, d FROM kinds');
CALL checkpoint.query('short', 'SELECT b, a, f FROM plain_kinds');
CALL checkpoint.map('map', 'SELECT * FROM kinds', 'b || a AS ba, i[1] AS i1, NULL::text AS n');
SELECT step, action FROM checkpoint.steps WHERE job_id = :job ORDER BY step;
SELECT checkpoint.output('map') AS output \gset
(SELECT x::text FROM (SELECT *, b || a AS ba, i[1] AS i1, NULL::text AS n FROM kinds) x
	EXCEPT ALL SELECT ROW(a, b, c, d, e, f, g, h, i, j, k, ba, i1, n)::text FROM :output);
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

DROP SCHEMA append CASCADE;
