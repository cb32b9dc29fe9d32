--
-- Names in a step's query: an unqualified table name that is an earlier step of
-- the job means that step's output, as a CTE name does; a CTE of the query
-- itself wins; every other name resolves as usual.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA names;
SET search_path = names;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 4);

-- show returns the rows of a step's output as text.
CREATE FUNCTION show(step text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg((to_jsonb(the_row) - ''sys__id'')::text, '' '' ORDER BY sys__id) FROM %s the_row',
		checkpoint.output(step)) INTO result;
	RETURN result;
END $$;

SELECT checkpoint.begin_job('names') AS job \gset
CALL checkpoint.map('even', 'SELECT x FROM source', 'x % 2 = 0 AS even');
CALL checkpoint.query('big', 'SELECT x FROM even WHERE x > 2');

-- From the clauses that a name can stand in.
CALL checkpoint.query('alias', 'SELECT e.x AS y FROM even AS e WHERE e.even');
SELECT show('alias');
CALL checkpoint.query('column aliases', 'SELECT e.sys__id AS id, p, q FROM even AS e (p, q) WHERE q ORDER BY p');
SELECT show('column aliases');
CALL checkpoint.query('qualified column', 'SELECT even.x, even.even FROM even WHERE even.x = 1');
SELECT show('qualified column');
CALL checkpoint.query('whole row', 'SELECT (to_jsonb(big) - ''sys__id'')::text AS j FROM big WHERE x = 4');
SELECT show('whole row');
CALL checkpoint.query('table', 'TABLE big');
SELECT show('table');
CALL checkpoint.query('only', 'SELECT x FROM ONLY even WHERE x = 1');
CALL checkpoint.query('subquery', 'SELECT * FROM (SELECT x FROM even WHERE x < 2) s, LATERAL (SELECT max(x) AS m FROM big WHERE big.x > s.x) l');
SELECT show('subquery');
CALL checkpoint.query('expressions', 'SELECT (SELECT count(*) FROM even) AS n, ARRAY(SELECT x FROM big ORDER BY 1) AS a, EXISTS (SELECT FROM even WHERE x = 9) AS e, 3 IN (SELECT x FROM big) AS i');
SELECT show('expressions');
CALL checkpoint.query('where', 'SELECT x FROM source s WHERE EXISTS (SELECT FROM big b WHERE b.x = s.x) ORDER BY x');
SELECT show('where');
CALL checkpoint.query('joins', 'SELECT a.x, b.x AS y, c.x AS z FROM even a LEFT JOIN big b ON a.x = b.x JOIN even c ON c.x = a.x WHERE c.even ORDER BY 1');
SELECT show('joins');
CALL checkpoint.query('using', 'SELECT * FROM even JOIN big USING (x) ORDER BY x');
SELECT show('using');
CALL checkpoint.query('union', 'SELECT x FROM big UNION ALL (SELECT -x FROM even EXCEPT SELECT -x FROM big) ORDER BY 1');
SELECT show('union');
CALL checkpoint.query('cte body', 'WITH c AS (SELECT x FROM even), d AS MATERIALIZED (SELECT x FROM c JOIN big USING (x)) SELECT x FROM d ORDER BY x');
SELECT show('cte body');
CALL checkpoint.query('recursive', 'WITH RECURSIVE r AS (SELECT min(x) AS x FROM big UNION ALL SELECT r.x + 1 FROM r WHERE EXISTS (SELECT FROM even e WHERE e.x > r.x)) SELECT x FROM r ORDER BY x');
SELECT show('recursive');
CALL checkpoint.query('group', 'SELECT even, count(*) AS n, sum(x) AS sum FROM even GROUP BY GROUPING SETS ((even), ()) ORDER BY even');
SELECT show('group');
CALL checkpoint.gen('gen input', 'SELECT x FROM big ORDER BY x', 'generate_series(x, 4) AS n');
SELECT show('gen input');
CALL checkpoint.save('names.saved', 'SELECT x FROM big');
SELECT x FROM saved ORDER BY x;

--
-- The query's own CTE wins.
--
CALL checkpoint.query('own cte', 'WITH even AS (SELECT 77 AS seventy_seven) SELECT * FROM even');
SELECT show('own cte');
CALL checkpoint.query('shadowed', 'WITH even AS (SELECT x * 100 AS x FROM even WHERE x = 4) SELECT x FROM even');
SELECT show('shadowed');
CALL checkpoint.query('inner cte', 'SELECT count(*) AS n, (WITH even AS (SELECT 1) SELECT count(*) FROM even) AS one FROM even');
SELECT show('inner cte');

--
-- A qualified name is not the step; a step's name is not a qualified one.
--
CREATE TABLE even (of_the_table text);
INSERT INTO even VALUES ('a table');
CALL checkpoint.query('qualified', 'SELECT * FROM names.even');
SELECT show('qualified');
CALL checkpoint.query('both', 'SELECT e.x, t.of_the_table FROM even e, names.even t WHERE e.x = 1');
SELECT show('both');
CALL checkpoint.query('missing', 'SELECT * FROM names.big');
CALL checkpoint.query('dotted.name', 'SELECT 1 AS one');
CALL checkpoint.query('of dotted', 'SELECT * FROM "dotted.name"');
SELECT show('of dotted');

-- A table of that name that is made later, or was there before, is hidden.
CALL checkpoint.query('hidden', 'SELECT x FROM even WHERE x = 1');
SELECT show('hidden');
CREATE TEMP TABLE big (of_the_table text);
CALL checkpoint.query('hidden temp', 'SELECT x FROM big WHERE x = 3');
SELECT show('hidden temp');
DROP TABLE big;
-- Before its step a name is the table's.
CALL checkpoint.query('before', 'SELECT * FROM source');
CALL checkpoint.query('source', 'SELECT x AS from_step FROM source WHERE x = 4');
SELECT show('source');
CALL checkpoint.query('after', 'SELECT * FROM source');
SELECT show('after');
-- Its own name is none.
CALL checkpoint.query('selfish', 'SELECT * FROM selfish');

--
-- Names that need quotes.
--
CALL checkpoint.query('Capital Step', 'SELECT 1 AS "Col ""1"""');
CALL checkpoint.query('capital step', 'SELECT 2 AS two');
CALL checkpoint.query('q"uo''te', 'SELECT * FROM "Capital Step"');
CALL checkpoint.query('of quotes', 'SELECT a.*, b.two FROM "q""uo''te" a, "capital step" b');
SELECT show('of quotes');
CALL checkpoint.query('unquoted', 'SELECT * FROM Capital');
CALL checkpoint.query('EVEN', 'SELECT 5 AS five');
CALL checkpoint.query('folded', 'SELECT x FROM EVEN WHERE x = 1');
SELECT show('folded');
CALL checkpoint.query('not folded', 'SELECT * FROM "EVEN"');
SELECT show('not folded');
CALL checkpoint.query('select', 'SELECT ''keyword'' AS "select"');
CALL checkpoint.query('of keyword', 'SELECT "select" FROM "select"');
SELECT show('of keyword');
CALL checkpoint.query('Größe 数', 'SELECT 1 AS "ä"');
CALL checkpoint.query('of Größe', 'SELECT * FROM "Größe 数"');
SELECT show('of Größe');
-- of 63 bytes
CALL checkpoint.query('s23456789012345678901234567890123456789012345678901234567890123', 'SELECT 63 AS bytes');
CALL checkpoint.query('of 63', 'SELECT * FROM s23456789012345678901234567890123456789012345678901234567890123');
SELECT show('of 63');

--
-- sys__ columns can be read but are left out of results.
--
CALL checkpoint.query('star', 'SELECT * FROM even WHERE x = 2');
CALL checkpoint.query('ids', 'SELECT sys__id, sys__id AS id, x, sys__id + 1 AS sys__next FROM even WHERE sys__id = 2');
SELECT show('star'), show('ids');
SELECT step, string_agg(attname, ',' ORDER BY attnum) FROM (VALUES ('star'), ('ids'), ('gen input')) v (step), pg_attribute
WHERE attrelid = checkpoint.output(step) AND attnum > 0 GROUP BY 1 ORDER BY 1;
CALL checkpoint.query('two stars', 'SELECT * FROM big JOIN "gen input" ON n = x ORDER BY x, "gen input".sys__id');
SELECT show('two stars');
-- a join knows nothing of them, also under a name of its own
CALL checkpoint.query('named join', 'SELECT j.p, j.q FROM (even a JOIN even b ON a.sys__id = b.sys__id) AS j(p, e, q, f) WHERE p < 3 ORDER BY p');
CALL checkpoint.query('named join 2', 'SELECT j.p, j.q FROM (even a JOIN even b ON a.sys__id = b.sys__id) AS j(p, e, q, f) WHERE p < 3 ORDER BY p');
CALL checkpoint.query('other ids', 'SELECT j.p, j.q FROM (even a JOIN "gen input" b ON a.sys__id = b.sys__id) AS j(p, e, q) ORDER BY p, q');
CALL checkpoint.query('input ids', 'SELECT j.p, j.q FROM (even a JOIN "gen input" b ON a.sys__id = b.sys__input_id) AS j(p, e, q) ORDER BY p, q');
SELECT show('named join'), show('named join 2');
SELECT show('other ids'), show('input ids');
CALL checkpoint.query('only sys', 'SELECT sys__id FROM even');
-- they are no part of an input's identity (rule 1)
CALL checkpoint.map('identity 1', 'SELECT * FROM big', 'x + 1 AS y');
CALL checkpoint.map('identity 2', 'SELECT x, 17 AS sys__id FROM even WHERE x > 2', 'x + 1 AS y');

--
-- Step names mean nothing inside udf, which sees the input's columns and ordinary tables.
--
CALL checkpoint.map('udf', 'SELECT 1 AS one', '(SELECT of_the_table FROM even) AS t');
SELECT show('udf');
CALL checkpoint.map('udf 2', 'SELECT 1 AS one', '(SELECT count(*) FROM big) AS n');
-- nor inside the views and functions that a query uses
CREATE VIEW v AS SELECT * FROM even;
CREATE FUNCTION in_function() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT of_the_table FROM even); END $$;
CALL checkpoint.query('view', 'SELECT v.of_the_table, in_function() FROM v, even WHERE x = 1');
SELECT show('view');

SELECT checkpoint.end_job();
-- Another job does not know them.
SELECT checkpoint.begin_job('other') AS job \gset
CALL checkpoint.query('q', 'SELECT * FROM big');
CALL checkpoint.query('q', 'SELECT * FROM even');
SELECT show('q');
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

-- Rows of a step's output cannot be locked either, on any level.
SELECT checkpoint.begin_job('names locked') IS NOT NULL AS begun;
CALL checkpoint.query('q', 'SELECT 1 AS one');
\set VERBOSITY default
CALL checkpoint.query('bad', 'SELECT * FROM q FOR UPDATE');
CALL checkpoint.query('bad', 'SELECT * FROM q FOR SHARE OF q');
CALL checkpoint.query('bad', 'WITH w AS (SELECT * FROM q FOR UPDATE) SELECT * FROM w');
CALL checkpoint.query('bad', 'SELECT (SELECT one FROM q FOR KEY SHARE) AS x');
\set VERBOSITY terse
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA names CASCADE;
