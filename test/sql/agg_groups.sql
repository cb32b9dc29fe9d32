--
-- agg: groups of every size and kind keep the order of their rows, and fail, are
-- tried again and carried over as a whole.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA agg_groups;
SET search_path = agg_groups;
CREATE TABLE source AS SELECT i, i * 7919 % 50 AS k, md5(i::text) AS t FROM generate_series(1, 20000) i;
CREATE FUNCTION wrong(step text, k text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT array_agg(i ORDER BY i) AS ids FROM agg_groups.source GROUP BY %s) w'
		' FULL JOIN %s o ON w.ids = o.ids WHERE w.ids IS NULL OR o.ids IS NULL', k, checkpoint.output(step)) INTO result;
	RETURN result;
END $$;

-- Rows of a group keep the order of the input, however it is grouped; groups have that of their first rows.
SET work_mem = '64kB';
SELECT 1 FROM checkpoint.begin_job('sizes');
CALL checkpoint.agg('groups', 'SELECT i, k, t FROM source ORDER BY i', 'array_agg(i) AS ids, count(t) AS n', 'k');
CALL checkpoint.agg('single', 'SELECT i, t FROM source ORDER BY i', 'array_agg(i) AS ids', 'i, t', workers => 2);
CALL checkpoint.agg('one', 'SELECT i FROM source ORDER BY i', 'array_agg(i) AS ids, count(DISTINCT i) AS d', '');
SET enable_hashagg = off;
CALL checkpoint.agg('sorted', 'SELECT k AS key, i FROM source ORDER BY i', 'array_agg(i) AS ids', 'key');
RESET enable_hashagg;
SET enable_sort = off;
CALL checkpoint.agg('hashed', 'SELECT k AS key2, i FROM source ORDER BY i', 'array_agg(i) AS ids', 'key2');
RESET enable_sort;
RESET work_mem;
SELECT wrong('groups', 'k') AS groups, wrong('single', 'i') AS single, wrong('one', '()') AS one,
	wrong('sorted', 'k') AS sorted, wrong('hashed', 'k') AS hashed;
SELECT checkpoint.output('groups') AS o \gset
SELECT bool_and(ids[1] = sys__id) AS in_order FROM :o;
SELECT 1 FROM checkpoint.end_job();

-- Keys of many types, also one that cannot be sorted; what equals counts as one, named as in its first row.
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE keys AS SELECT i, i % 2 = 0 AS b, CASE WHEN i % 3 = 0 THEN 1.0 WHEN i % 3 = 1 THEN 1.00 END AS n,
	'2026-01-01'::date + i % 2 AS d, (CASE WHEN i % 2 = 0 THEN 'sad' ELSE 'glad' END)::mood AS m,
	ROW(i % 2, 'x')::pair AS p, ARRAY[i % 2, NULL] AS a, jsonb_build_object('k', i % 2) AS j, (i % 2)::text::xid AS x,
	CASE WHEN i % 4 > 0 THEN 'Ab'::text COLLATE "C" END AS c
FROM generate_series(1, 12) i;
SELECT 1 FROM checkpoint.begin_job('keys');
CALL checkpoint.agg('n', 'SELECT * FROM keys ORDER BY i', 'array_agg(i) AS ids', 'n');
SELECT checkpoint.output('n') AS o \gset
SELECT * FROM :o ORDER BY sys__id;
CALL checkpoint.agg('many', 'SELECT * FROM keys ORDER BY i', 'array_agg(i) AS ids', 'b, d, m, p, a, j, c');
SELECT checkpoint.output('many') AS o \gset
SELECT * FROM :o ORDER BY sys__id;
CALL checkpoint.agg('x', 'SELECT * FROM keys ORDER BY i', 'array_agg(i) AS ids', 'x');
SELECT checkpoint.output('x') AS o \gset
SELECT * FROM :o ORDER BY sys__id;
SELECT 1 FROM checkpoint.end_job();

-- A final function that fails is the failure of its group; a composite result gives its columns.
CREATE FUNCTION step(s bigint, x int) RETURNS bigint LANGUAGE sql AS 'SELECT coalesce(s, 0) + x';
CREATE SEQUENCE calls;
CREATE TYPE result AS (total bigint, half numeric);
CREATE FUNCTION finish(s bigint) RETURNS result LANGUAGE plpgsql AS $$
BEGIN
	IF s % 7 = 0 AND nextval('agg_groups.calls') <= current_setting('test.' || 'fails')::int THEN RAISE 'seven'; END IF;
	RETURN (s, s / 2.0);
END $$;
CREATE AGGREGATE total(int) (SFUNC = step, STYPE = bigint, FINALFUNC = finish);
SET test.fails = 1000;
SELECT 1 FROM checkpoint.begin_job('fails');
CALL checkpoint.agg('a', 'SELECT i % 10 AS g, i FROM generate_series(1, 30) i', 'total(i)', 'g', on_error => 'skip');
SELECT sys__id, message FROM checkpoint.errors ORDER BY sys__id;
SELECT checkpoint.output('a') AS o \gset
SELECT * FROM :o ORDER BY sys__id LIMIT 3;
SELECT 1 FROM checkpoint.end_job();
SELECT setval('calls', 1, false);
SET test.fails = 2;
SELECT 1 FROM checkpoint.begin_job('fails');
\set VERBOSITY default
CALL checkpoint.agg('a', 'SELECT i % 10 AS g, i FROM generate_series(1, 30) i', 'total(i)', 'g', retries => 1);
\set VERBOSITY terse
SELECT setval('calls', 1, false);
SELECT 1 FROM checkpoint.begin_job('fails');
CALL checkpoint.agg('a', 'SELECT i % 10 AS g, i FROM generate_series(1, 30) i', 'total(i)', 'g', retries => 2, retry_delay => '1 ms');
SELECT checkpoint.output('a') AS o \gset
SELECT count(*), sum(total) FROM :o;
SELECT 1 FROM checkpoint.end_job();

-- A budget counts groups, and so do messages.
SELECT 1 FROM checkpoint.begin_job('budget');
CALL checkpoint.agg('a', 'SELECT i % 10 AS g, i FROM generate_series(1, 30) i', 'sum(i)', 'g', max_rows => 4);
SELECT 1 FROM checkpoint.begin_job('budget');
CALL checkpoint.agg('a', 'SELECT i % 10 AS g, i FROM generate_series(1, 30) i', 'sum(i)', 'g');
SELECT 1 FROM checkpoint.end_job();

-- Rows stand elsewhere, or columns that are not read differ: nothing is computed.  The code changes: everything is.
CREATE TABLE moved AS SELECT i % 5 AS g, i AS v, 'u' || i AS unread FROM generate_series(1, 40) i;
SELECT 1 FROM checkpoint.begin_job('moved');
CALL checkpoint.agg('a', 'SELECT g, v, unread FROM moved ORDER BY v', 'total(v)', 'g');
SELECT 1 FROM checkpoint.end_job();
UPDATE moved SET unread = unread || 'z';
INSERT INTO moved VALUES (9, -1, 'first');
SELECT action, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('moved');
SELECT 1 FROM checkpoint.begin_job('moved');
CALL checkpoint.agg('a', 'SELECT g, v, unread FROM moved ORDER BY v', 'total(v)', 'g');
SELECT 1 FROM checkpoint.end_job();
CREATE OR REPLACE FUNCTION step(s bigint, x int) RETURNS bigint LANGUAGE sql AS 'SELECT coalesce(s, 0) + 2 * x';
SELECT 1 FROM checkpoint.begin_job('moved');
CALL checkpoint.agg('a', 'SELECT g, v, unread FROM moved ORDER BY v', 'total(v)', 'g', on_code_change => 'accept');
SELECT 1 FROM checkpoint.end_job();
SELECT 1 FROM checkpoint.begin_job('moved');
CALL checkpoint.agg('a', 'SELECT g, v, unread FROM moved ORDER BY v', 'total(v)', 'g', on_code_change => 'recompute');
SELECT 1 FROM checkpoint.end_job();

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA agg_groups CASCADE;
