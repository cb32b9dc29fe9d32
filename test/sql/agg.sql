--
-- agg: one output row for each group of input rows.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA agg;
SET search_path = agg;
CREATE TABLE source (k text, x int, y text);
INSERT INTO source VALUES ('b', 3, 'p'), ('a', 1, 'q'), (NULL, 7, 'r'), ('b', 2, 's'),
	('a', 1, 't'), (NULL, 8, NULL), ('c', NULL, 'u');

-- Kinds of aggregates; rows of a group keep their order, groups that of their first rows.
SELECT 1 FROM checkpoint.begin_job('kinds');
CALL checkpoint.agg('a', 'SELECT * FROM source',
	'array_agg(x) AS xs, sum(x), count(*) AS n, count(DISTINCT x) AS d,
	 string_agg(y, ''-'' ORDER BY y DESC) AS ys, sum(x) FILTER (WHERE x > 2) AS big,
	 percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS median, upper(k) || max(y) AS e', 'k');
SELECT checkpoint.output('a') AS a \gset
SELECT * FROM :a ORDER BY sys__id;
CALL checkpoint.agg('one', 'SELECT x FROM source', 'count(*) AS n, sum(x)', '');
CALL checkpoint.agg('none', 'SELECT x FROM source WHERE false', 'count(*) AS n', '');
SELECT checkpoint.output('one') AS a \gset
SELECT * FROM :a;
SELECT checkpoint.output('none') AS a \gset
SELECT * FROM :a;
SELECT 1 FROM checkpoint.end_job();

-- A failing group is named; others keep their results.
CREATE FUNCTION add(s int, x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 8 THEN RAISE 'eight'; END IF;
	RETURN coalesce(s, 0) + coalesce(x, 0);
END $$;
CREATE AGGREGATE total(int) (SFUNC = add, STYPE = int);
SELECT 1 FROM checkpoint.begin_job('failing');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'total(x) AS t', 'k');
SELECT 1 FROM checkpoint.begin_job('failing');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'total(x) AS t', 'k', on_error => 'skip');
SELECT 1 FROM checkpoint.end_job();
SELECT step, kind, action, rows_total, rows_kept, rows_computed, rows_failed
FROM checkpoint.steps WHERE job = 'failing' ORDER BY job_id;

-- A group whose rows are the same keeps its result.
SELECT 1 FROM checkpoint.begin_job('kinds2');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'sum(x)', 'k');
SELECT 1 FROM checkpoint.end_job();
INSERT INTO source VALUES ('a', 100, 'z'), ('d', 5, 'z');
SELECT 1 FROM checkpoint.begin_job('kinds2');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'sum(x)', 'k', workers => 2);
SELECT checkpoint.output('a') AS a \gset
SELECT * FROM :a ORDER BY sys__id;
SELECT 1 FROM checkpoint.end_job();
SELECT * FROM checkpoint.explain_job('kinds2');
SELECT 1 FROM checkpoint.begin_job('wrong');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'sum(x)', 'nothing');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'upper(k)', 'k');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'y, sum(x) AS s', 'k');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'count(*) AS n', 'k, k');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'count(*) AS n', 'upper(k)');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'count(*) AS n', 'GROUPING SETS (k, x)');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'sum(count(*)) OVER () AS n', 'k');
CALL checkpoint.agg('a', 'SELECT * FROM source', 'count(*) AS k', 'k');
\set VERBOSITY default
CALL checkpoint.agg('a', 'SELECT x, ''{}''::json AS j FROM source', 'count(*) AS n', 'j');
\echo :LAST_ERROR_SQLSTATE
-- a generator's rows by the row that they came from
CALL checkpoint.gen('words', 'SELECT k FROM source', 'generate_series(1, length(k)) AS word');
CALL checkpoint.agg('a', 'SELECT sys__input_id, word FROM words', 'count(*) AS n', 'sys__input_id');
CALL checkpoint.agg('of row', 'SELECT sys__input_id AS row, word FROM words', 'count(*) AS n', 'row');
\set VERBOSITY terse
-- Names that queries of our own use, too.
CALL checkpoint.agg('names', 'SELECT k AS g, x AS r, 1 AS rows, 2 AS rows_, x AS sys__position FROM source',
	'max(r), sum(rows) AS rows, sum(rows_) AS rows_', 'g');
SELECT checkpoint.output('names') AS a \gset
SELECT * FROM :a ORDER BY sys__id;
-- Equal keys that look different are one group, named as its first row has it; all NaN are equal.
CREATE TABLE looks AS SELECT i, CASE i % 3 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' ELSE '0' END::float8 AS f
FROM generate_series(1, 6) i;
CALL checkpoint.agg('float', 'SELECT * FROM looks', 'array_agg(i) AS ids', 'f');
SELECT checkpoint.output('float') AS b \gset
SELECT * FROM :b ORDER BY sys__id;
