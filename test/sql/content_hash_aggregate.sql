--
-- content_hash(record): the hash that a step has of its rows, for SQL.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA hash_aggregate;
SET search_path = hash_aggregate;
CREATE TABLE t AS SELECT g AS a, 'text ' || g AS b, g * 1.5 AS c FROM generate_series(1, 20000) g;
SELECT checkpoint.content_hash(t) AS hash FROM t \gset

-- Rule 1: the order of rows does not count; rows, values, names and types do.
SELECT checkpoint.content_hash(x) = :'hash' FROM (SELECT * FROM t ORDER BY c DESC) x;
SELECT checkpoint.content_hash(x) = :'hash' FROM (SELECT * FROM t LIMIT 19999) x;
SELECT checkpoint.content_hash(x) = :'hash' FROM (TABLE t UNION ALL SELECT * FROM t WHERE a = 1) x;
SELECT checkpoint.content_hash(x) = :'hash' FROM (SELECT a, b, CASE WHEN a <> 7 THEN c END AS c FROM t) x;
SELECT checkpoint.content_hash(x) = :'hash' FROM (SELECT a, b, c AS d FROM t) x;
SELECT checkpoint.content_hash(x) = :'hash' FROM (SELECT a::bigint, b, c FROM t) x;
-- two rows that swap a value
SELECT checkpoint.content_hash(x) = :'hash'
FROM (SELECT CASE a WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE a END AS a, b, c FROM t) x;

-- It is the same in parallel.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT checkpoint.content_hash(t) FROM t;
SELECT checkpoint.content_hash(t) = :'hash' FROM t;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- It is that of a step with these rows.
SELECT checkpoint.begin_job('hash') AS job \gset
CALL checkpoint.query('q', 'SELECT * FROM t');
SELECT content_hash = :'hash' FROM checkpoint.checkpoints;
SELECT checkpoint.output('q') AS output \gset
-- columns that belong to the extension are not seen
SELECT checkpoint.content_hash(o) = :'hash' FROM :output o;
SELECT checkpoint.end_job();

-- No rows, no hash; no rows of rows that are not there.
SELECT checkpoint.content_hash(t) FROM t WHERE false;
SELECT checkpoint.content_hash(NULL::t);
-- by groups, and of anonymous rows
SELECT count(DISTINCT h) FROM (SELECT checkpoint.content_hash(ROW(a % 2, c)) AS h FROM t GROUP BY a % 10) x;

-- Columns one by one: the hash of ROW() of them, with their types, also in detail.
SELECT checkpoint.content_hash(a, b, c) = checkpoint.content_hash(ROW(a, b, c)) FROM t;
SELECT checkpoint.content_hash(a, b, c) = checkpoint.content_hash(a, b, c + 0) FROM t;
SELECT checkpoint.content_hash(a, b) = checkpoint.content_hash(a, NULLIF(b, 'text 7')) FROM t;
SELECT checkpoint.content_hash(a, c::numeric(10,1)) = checkpoint.content_hash(ROW(a, c::numeric(10,1))),
	checkpoint.content_hash(a, c::numeric(10,1)) = checkpoint.content_hash(ROW(a, c)) FROM t;
SELECT checkpoint.content_hash(a, b COLLATE "C") = checkpoint.content_hash(ROW(a, b COLLATE "C")),
	checkpoint.content_hash(a, b COLLATE "C") = checkpoint.content_hash(a, b) FROM t;
SELECT checkpoint.content_hash(a, repeat(b, 1000)) = checkpoint.content_hash(ROW(a, repeat(b, 1000))) FROM t WHERE a < 10;
SELECT checkpoint.content_hash('literal', a) = checkpoint.content_hash(ROW('literal', a)) FROM t;
SELECT checkpoint.content_hash(DISTINCT a % 2, 1) = (SELECT checkpoint.content_hash(x, 1) FROM generate_series(0, 1) x) FROM t;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT checkpoint.content_hash(a, b, c) AS columns_hash FROM t \gset
SET max_parallel_workers_per_gather = 0;
SELECT checkpoint.content_hash(a, b, c) = :'columns_hash' FROM t;
SELECT checkpoint.content_hash(a, b) FROM t WHERE false;

-- One column: the hash of ROW() of it.  A table's column hides the table.
CREATE TABLE u AS SELECT NULLIF(g, 7) AS u, ARRAY[g, 2] AS list, ROW(g)::text AS v FROM generate_series(1, 1000) g;
SELECT checkpoint.content_hash(u) = checkpoint.content_hash(ROW(u)) AS column,
	checkpoint.content_hash(u.*) = (SELECT checkpoint.content_hash(x) FROM (TABLE u) x) AS rows,
	checkpoint.content_hash(list) = checkpoint.content_hash(ROW(list)) AS list,
	checkpoint.content_hash(u) = checkpoint.content_hash(u::bigint) AS other_type,
	checkpoint.content_hash(u) = checkpoint.content_hash(u) FILTER (WHERE u IS NOT NULL) AS null_counts,
	checkpoint.content_hash(v ORDER BY u) = checkpoint.content_hash(v) AS ordered,
	checkpoint.content_hash(v COLLATE "C") = checkpoint.content_hash(ROW(v COLLATE "C")) AS collated FROM u;
SELECT DISTINCT checkpoint.content_hash(u) OVER () = (SELECT checkpoint.content_hash(u) FROM u) AS column,
	checkpoint.content_hash(u.*) OVER () = (SELECT checkpoint.content_hash(u.*) FROM u) AS rows FROM u;
SELECT checkpoint.content_hash(u) FROM u WHERE false;
SELECT checkpoint.content_hash('literal') = checkpoint.content_hash(ROW('literal')) AS literal;
CREATE TYPE couple AS (a int, b text);
CREATE DOMAIN couple_domain AS couple;
SELECT checkpoint.content_hash(ROW(1, 'b')::couple_domain) = checkpoint.content_hash(ROW(1, 'b')::couple) AS domain;
-- a composite value that is older than its type's last attributes
CREATE TYPE growing AS (a int, b text);
CREATE TABLE grown AS SELECT ROW(g, 'text ' || g)::growing AS r FROM generate_series(1, 10) g;
ALTER TYPE growing ADD ATTRIBUTE c int;
SELECT checkpoint.content_hash(r) = (SELECT checkpoint.content_hash(x) FROM (SELECT (r).a, (r).b, (r).c FROM grown) x) AS grown FROM grown;
-- what views made with 1.0 call
SELECT checkpoint._content_hash_of_records(t) = :'hash' FROM t;

-- Which values are null counts: also in the 9th, 17th and 65th column, also of
-- columns that are not seen.
CREATE FUNCTION hash_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hash text;
BEGIN
	EXECUTE format('SELECT checkpoint.content_hash(%s)', expression) INTO hash;
	RETURN hash;
END $$;
SELECT n AS columns, count(DISTINCT hash) = n + 1 AS all_differ
FROM (VALUES (9), (17), (65)) c (n), LATERAL (
	SELECT hash_of(string_agg(CASE WHEN i = missing THEN 'NULL::int' ELSE '1' END, ', ' ORDER BY i)) AS hash
	FROM generate_series(1, n) i, generate_series(0, n) missing GROUP BY missing) s
GROUP BY n ORDER BY n;
SELECT count(*), count(*) FILTER (WHERE seen.hash = unseen.hash) AS same
FROM (SELECT a, checkpoint.content_hash(r) AS hash FROM (
	SELECT NULLIF(g % 2, 0)::bigint AS sys__id, NULLIF(g % 3, 0)::bigint AS sys__input_id, g AS a, 'text ' || g AS b
	FROM generate_series(1, 12) g) r GROUP BY a) unseen
JOIN (SELECT a, checkpoint.content_hash(r) AS hash FROM (
	SELECT g AS a, 'text ' || g AS b FROM generate_series(1, 12) g) r GROUP BY a) seen USING (a);

-- As window functions they are the same, also in detail.
SELECT checkpoint.content_hash(a, b, c) AS columns_hash, checkpoint.content_hash(a, b COLLATE "C", c::numeric(10,1)) AS detailed_hash,
	checkpoint.content_hash(t) AS record_hash FROM t WHERE a < 10 \gset
SELECT DISTINCT checkpoint.content_hash(a, b, c) OVER () = :'columns_hash' AS columns,
	checkpoint.content_hash(a, b COLLATE "C", c::numeric(10,1)) OVER (PARTITION BY a < 10) = :'detailed_hash' AS detailed,
	checkpoint.content_hash(t) OVER () = :'record_hash' AS record FROM t WHERE a < 10;
SELECT checkpoint.content_hash(a, b, c) OVER (ORDER BY a) = :'columns_hash' AS all_rows FROM t WHERE a < 10 ORDER BY a DESC LIMIT 1;
-- (which of two calls it is the server does not say)
SELECT checkpoint.content_hash(a, c::numeric(10,1)) OVER (), checkpoint.content_hash(a, c::numeric(10,2)) OVER () FROM t WHERE a = 1;

-- Records of several types: neither their order counts, nor how they alternate,
-- nor who computes it.
SELECT checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END) AS mixed_hash FROM t \gset
SELECT checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END) = :'mixed_hash' AS same FROM (SELECT * FROM t ORDER BY a DESC) t;
SELECT checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END) = :'mixed_hash' AS same FROM (SELECT * FROM t ORDER BY a % 2) t;
SELECT checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(b) ELSE ROW(a) END) = :'mixed_hash' AS same FROM t;
SELECT checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END) = :'mixed_hash' AS same FROM t WHERE a < 20000;
SET max_parallel_workers_per_gather = 2;
SELECT checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END) = :'mixed_hash' AS same FROM t;
SET max_parallel_workers_per_gather = 0;
-- nor does it take memory for each row, or for each element of an array
SELECT length(checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END)),
	(SELECT sum(total_bytes) < 500000 FROM pg_backend_memory_contexts WHERE name LIKE 'checkpoint row hasher%') AS little_memory FROM t;
SELECT length(checkpoint.content_hash(CASE a % 2 WHEN 0 THEN ROW(a) ELSE ROW(b) END, a)),
	(SELECT sum(total_bytes) < 500000 FROM pg_backend_memory_contexts WHERE name LIKE 'checkpoint row hasher%') AS little_memory FROM t;
SELECT length(checkpoint.content_hash(v, 1)),
	(SELECT sum(total_bytes) < 500000 FROM pg_backend_memory_contexts WHERE name LIKE 'checkpoint row hasher%') AS little_memory
FROM (VALUES (array_fill(true, ARRAY[1000000]))) x (v);
-- (the order of rows does not count there, either)
SELECT count(DISTINCT hash) FROM (
	SELECT checkpoint.content_hash(array_fill(g, ARRAY[10000]), g ORDER BY g) AS hash FROM generate_series(1, 3) g UNION ALL
	SELECT checkpoint.content_hash(array_fill(g, ARRAY[10000]), g ORDER BY -g) FROM generate_series(1, 3) g) x;
CREATE TYPE color AS ENUM ('red', 'green');
CREATE TYPE pair AS (l int, c color);
SELECT length(checkpoint.content_hash(v, 1)),
	(SELECT sum(total_bytes) < 500000 FROM pg_backend_memory_contexts WHERE name LIKE 'checkpoint row hasher%') AS little_memory
FROM (VALUES (array_fill((1, 'red')::pair, ARRAY[100000]))) x (v);

-- Hashes are stored: no version of the extension may change one of these.
SELECT type, hash_of(format('%L::%s, 1', value, type)) AS of_value, hash_of(format('array_fill(%L::%s, ARRAY[10000]), 1', value, type)) AS of_array
FROM (VALUES ('bool', 't'), ('int2', '-2'), ('int4', '-2'), ('int8', '-2'), ('oid', '4294967295'), ('float4', '1.5'), ('float8', '-0'),
	('float8', 'NaN'), ('numeric', '1.0'), ('numeric', '-12345678901234567890.5'), ('money', '12.34'), ('text', 'a'), ('bpchar', 'a '),
	('name', 'a'), ('"char"', 'a'), ('bytea', '\x00ff'), ('bit(3)', '101'), ('varbit', '1011'), ('date', '2024-01-01'), ('time', '12:00'),
	('timetz', '12:00+01'), ('timestamp', '2024-01-01 12:00'), ('timestamptz', '2024-01-01 12:00+00'), ('interval', '1 mon 2 days 03:04:05'),
	('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), ('inet', '10.0.0.1/8'), ('cidr', '::/0'), ('macaddr', '08:00:2b:01:02:03'),
	('macaddr8', '08:00:2b:01:02:03:04:05'), ('json', '{"a": 1}'), ('jsonb', '{"a": [1, null, "x"]}'), ('jsonpath', '$.a ? (@ > 1)'),
	('tsvector', 'a:1 b:2,3A'), ('tsquery', 'a & b'), ('point', '(1,2)'), ('lseg', '[(1,2),(3,4)]'), ('line', '{1,2,3}'),
	('box', '(1,2),(3,4)'), ('path', '[(0,0),(1,1)]'), ('polygon', '((0,0),(1,1),(2,0))'), ('circle', '<(1,2),3>'), ('tid', '(1,2)'),
	('pg_lsn', '16/B374D848'), ('xid8', '5'), ('int4range', '[1,4]'), ('numrange', 'empty'), ('int4multirange', '{[1,3),[5,9)}'),
	('regclass', 'pg_catalog.pg_class'), ('regtype', 'int4'), ('hash_aggregate.color', 'green'), ('hash_aggregate.pair', '(1,red)'),
	('oidvector', '1 2')) v (type, value);
DROP SCHEMA hash_aggregate CASCADE;
