--
-- agg: rows of a group reach the aggregates as they came in, of whatever type and size.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA agg_members;
SET search_path = agg_members;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0);
CREATE TABLE source AS SELECT i % 7 AS k, i, i % 2 = 0 AS b, (65 + i % 26)::"char" AS c, i::smallint AS s, i::oid AS o,
	i * 10000000000 AS l, i::float4 / 3 AS f, i::float8 / 7 AS g, i::numeric / 9 AS n, (i * 2)::even AS e,
	(CASE WHEN i % 2 = 0 THEN 'sad' ELSE 'glad' END)::mood AS m, ROW(i, repeat('x', i))::pair AS p,
	md5(i::text)::uuid AS u, 'name' || i AS t, repeat(md5(i::text), i % 5 * 100) AS big, ('n' || i)::name AS w,
	make_interval(days => i) AS v, int4range(i, i + 2) AS r, jsonb_build_object('i', i) AS j, i::bit(5) AS z
FROM generate_series(1, 40) i;
-- a null now and then
INSERT INTO source (k, i) SELECT i % 8, 100 + i FROM generate_series(1, 12) i;
\set lists 'array_agg(i) AS i, array_agg(b) AS b, array_agg(c) AS c, array_agg(s) AS s, array_agg(o) AS o, array_agg(l) AS l, array_agg(f) AS f, array_agg(g) AS g, array_agg(n) AS n, array_agg(e) AS e, array_agg(m) AS m, array_agg(p) AS p, array_agg(u) AS u, array_agg(t) AS t, md5(array_agg(big)::text) AS big, array_agg(w) AS w, array_agg(v) AS v, array_agg(r) AS r, array_agg(j) AS j, array_agg(z) AS z'
SELECT 1 FROM checkpoint.begin_job('types');
CALL checkpoint.agg('a', 'SELECT * FROM source ORDER BY i', :'lists', 'k', workers => 2);
SELECT checkpoint.output('a') AS a \gset
CREATE TABLE expected AS SELECT k, :lists FROM (SELECT * FROM source ORDER BY k, i) s GROUP BY k;
SELECT count(*), count(*) FILTER (WHERE a IS DISTINCT FROM e) AS wrong
FROM (SELECT k AS key, checkpoint.content_hash(a.*) AS a FROM :a a GROUP BY 1) a
	FULL JOIN (SELECT k AS key, checkpoint.content_hash(e.*) AS e FROM expected e GROUP BY 1) e USING (key);
-- no column but the key, and none at all; two columns of different lengths of values
CALL checkpoint.agg('rows', 'SELECT k, i FROM source ORDER BY i', 'count(*) AS n', 'k');
CALL checkpoint.agg('all', 'SELECT k, i FROM source ORDER BY i', 'count(*) AS n', '');
CALL checkpoint.agg('two', 'SELECT k, i, big FROM source ORDER BY i', 'count(big) AS n, max(i), count(*) FILTER (WHERE big IS NULL) AS nulls', 'k');
SELECT checkpoint.output('rows') AS a, checkpoint.output('all') AS b, checkpoint.output('two') AS c \gset
SELECT a.k, a.n, c.n, c.max, c.nulls FROM :a a JOIN :c c USING (k) ORDER BY k;
SELECT n FROM :b;
SELECT 1 FROM checkpoint.end_job();

-- What numbers and unpacks the rows is not for SQL to call.
SELECT proname, proargtypes[0]::regtype AS type FROM pg_proc
WHERE pronamespace = 'checkpoint'::regnamespace AND proname IN ('_member', '_position') ORDER BY proname;

-- The number of a row is no reason to read a table again that has not changed.
SET client_min_messages = warning;
CREATE TABLE settled AS SELECT k, i FROM source;
VACUUM (FREEZE) settled;
SELECT 1 FROM checkpoint.begin_job('unread');
CALL checkpoint.agg('a', 'SELECT k, i FROM settled', 'sum(i)', 'k');
SELECT 1 FROM checkpoint.end_job();
RESET client_min_messages;
SELECT bool_and(derivation IS NOT NULL) AS known FROM checkpoint.step JOIN checkpoint.jobs USING (job_id) WHERE jobs.name = 'unread';

-- Rows that processes of the server read in parallel are numbered in one place.
CREATE TABLE big AS SELECT i % 100 AS k, i FROM generate_series(1, 20000) i;
ANALYZE big;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT 1 FROM checkpoint.begin_job('parallel');
CALL checkpoint.agg('a', 'SELECT k, i FROM big', 'count(*) AS n, sum(i) AS s', 'k');
SELECT checkpoint.output('a') AS a \gset
SELECT count(*), sum(n) AS n, sum(s) AS s, max(sys__id) FROM :a;
SELECT 1 FROM checkpoint.end_job();

-- So are those of partitions, and of tables that are put together.
CREATE TABLE parts (k int, i int) PARTITION BY RANGE (i);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
CREATE TABLE part3 PARTITION OF parts FOR VALUES FROM (200) TO (300);
INSERT INTO parts SELECT i % 7, i FROM generate_series(0, 299) i;
SET max_parallel_workers_per_gather = 0;
SELECT 1 FROM checkpoint.begin_job('partitions');
CALL checkpoint.agg('of parts', 'SELECT k, i FROM parts', 'array_agg(i) AS ids', 'k');
CALL checkpoint.agg('all', 'SELECT k, i FROM part1 UNION ALL SELECT k, i FROM part2 UNION ALL SELECT k, i FROM part3', 'array_agg(i) AS ids2', 'k');
CALL checkpoint.agg('ordered', 'SELECT k, i FROM parts ORDER BY i DESC', 'array_agg(i) AS ids3', 'k');
SELECT checkpoint.output('of parts') AS a, checkpoint.output('all') AS b, checkpoint.output('ordered') AS c \gset
SELECT count(*), bool_and(ids = ARRAY(SELECT generate_series(k, 299, 7)) AND sys__id = k + 1) AS in_order FROM :a;
SELECT count(*), bool_and(ids2 = ARRAY(SELECT generate_series(k, 299, 7)) AND sys__id = k + 1) AS in_order FROM :b;
SELECT count(*), bool_and(ids3 = ARRAY(SELECT i FROM generate_series(k, 299, 7) i ORDER BY 1 DESC)) AS in_order FROM :c;
SELECT 1 FROM checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA agg_members CASCADE;
