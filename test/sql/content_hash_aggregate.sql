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

DROP SCHEMA hash_aggregate CASCADE;
