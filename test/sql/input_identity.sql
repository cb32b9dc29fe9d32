--
-- Rule 1: the identity of an input is its rows, with their columns' names and
-- types, not the query, the tables, or what else these have.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA input_identity;
SET search_path = input_identity;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('input_identity.calls') - 1;
BEGIN
	PERFORM setval('input_identity.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION f(v text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('input_identity.calls');
	RETURN '<' || v || '>';
END $$;
CREATE TABLE source (id int, v text, note text);
INSERT INTO source SELECT g, 'v' || g, 'n' || g FROM generate_series(1, 5) g;
CREATE VIEW shown AS SELECT * FROM source;

-- run runs one map over a query, as a job of its own, and says how often f was called.
CREATE PROCEDURE run(job text, query text, udf text DEFAULT 'f(v) AS y') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', query, udf);
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls', calls();
END $$;

--
-- What does not count.
--
CALL run('view', 'SELECT v FROM shown');
-- the view redefined, to the same rows
CREATE OR REPLACE VIEW shown AS SELECT s.* FROM source s LEFT JOIN (VALUES (1)) one (n) ON true;
CALL run('view', 'SELECT v FROM shown');
-- a column added to the table, dropped from it, changed, all of them not read
ALTER TABLE source ADD extra int DEFAULT 1;
CALL run('view', 'SELECT v FROM shown');
ALTER TABLE source DROP extra;
UPDATE source SET note = note || '!';
CALL run('view', 'SELECT v FROM shown');
-- the table's name, its place, an index, another plan
ALTER TABLE source RENAME TO source2;
CALL run('view', 'SELECT v FROM source2');
ALTER TABLE source2 RENAME TO source;
CREATE INDEX ON source (v);
SET enable_seqscan = off;
CALL run('view', 'SELECT v FROM source WHERE v > ''''');
RESET enable_seqscan;
-- the order of rows
CALL run('view', 'SELECT v FROM source ORDER BY v DESC');
-- and what does: the view redefined, to other rows
CREATE OR REPLACE VIEW shown AS SELECT * FROM source WHERE id <> 2;
CALL run('view', 'SELECT v FROM shown');
CREATE OR REPLACE VIEW shown AS SELECT id, v || 'a' AS v, note FROM source;
CALL run('view', 'SELECT v FROM shown');
CREATE OR REPLACE VIEW shown AS SELECT * FROM source;
-- back again
CALL run('view', 'SELECT v FROM shown');

--
-- A row changed in a column that the query has and the UDF does not read: not
-- the same input, and no call.  The output has the new value.
--
CALL run('unread', 'SELECT id, v, note FROM source');
UPDATE source SET note = 'new' WHERE id = 2;
CALL run('unread', 'SELECT id, v, note FROM source');
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT id, v, note, y FROM :output ORDER BY id;
-- one that it reads
UPDATE source SET v = 'new' WHERE id = 3;
CALL run('unread', 'SELECT id, v, note FROM source');
-- the order of the columns and their names are part of the input
CALL run('columns', 'SELECT id, v FROM source');
CALL run('columns', 'SELECT v, id FROM source');
CALL run('columns', 'SELECT v, id AS i FROM source');
CALL run('columns', 'SELECT id::bigint, v FROM source');
-- (those of gen's input are not in its output: it carries over)
CREATE PROCEDURE run_gen(query text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('columns of gen');
	CALL checkpoint.gen('g', query, 'unnest(ARRAY[f(v)]) AS y');
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls', calls();
END $$;
CALL run_gen('SELECT id, v FROM source');
CALL run_gen('SELECT v, id FROM source');
CALL run_gen('SELECT v FROM source');
CALL run_gen('SELECT id, v FROM source ORDER BY id');

--
-- Equal rows count each: two, one more, one fewer.
--
CALL run('equal', 'SELECT ''e'' AS v FROM generate_series(1, 2)');
CALL run('equal', 'SELECT ''e'' AS v FROM generate_series(1, 3)');
CALL run('equal', 'SELECT ''e'' AS v FROM generate_series(1, 2)');
CALL run('equal', 'SELECT ''e'' AS v FROM generate_series(1, 1)');
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT v, y FROM :output;
CALL run('equal', 'SELECT ''e'' AS v FROM generate_series(1, 4)');

--
-- NULL is a value, and no other one.
--
CALL run('null', $$VALUES (NULL::text), ('')$$, 'f(column1) AS y');
CALL run('null', $$VALUES (''), (NULL::text)$$, 'f(column1) AS y');
CALL run('null', $$VALUES (NULL::text), (NULL)$$, 'f(column1) AS y');
CALL run('no null', $$VALUES (NULL::text), (NULL)$$, 'f(column1) AS z');
CALL run('no null', $$VALUES (''), ('')$$, 'f(column1) AS z');

--
-- float8: NaN is NaN; -0 is not 0, though it compares equal.  numeric: 1.0 is
-- not 1.00.  A row that differs so is called.
--
CREATE FUNCTION f(v float8) RETURNS text LANGUAGE sql AS 'SELECT input_identity.f(v::text)';
CREATE FUNCTION f(v numeric) RETURNS text LANGUAGE sql AS 'SELECT input_identity.f(v::text)';
CALL run('float8', $$VALUES (float8 'NaN'), ('0')$$, 'f(column1) AS y');
CALL run('float8', $$VALUES (float8 '0'), ('nan')$$, 'f(column1) AS y');
CALL run('float8', $$VALUES (float8 'NaN'), ('-0')$$, 'f(column1) AS y');
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT * FROM :output ORDER BY sys__id;
CALL run('numeric', $$VALUES (1.0), (2.0)$$, 'f(column1) AS y');
CALL run('numeric', $$VALUES (2.0), (1.0)$$, 'f(column1) AS y');
CALL run('numeric', $$VALUES (1.00), (2.0)$$, 'f(column1) AS y');
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT * FROM :output ORDER BY sys__id;

--
-- A query whose rows do not follow from what it reads: each time what it
-- returns counts.
--
CREATE TABLE heap AS SELECT 'h' || g AS v FROM generate_series(1, 5) g;
CALL run('limit', 'SELECT v FROM heap LIMIT 2');
CALL run('limit', 'SELECT v FROM heap LIMIT 2');
-- other rows come first
DELETE FROM heap WHERE v = 'h1';
CALL run('limit', 'SELECT v FROM heap LIMIT 2');
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT v, y FROM :output ORDER BY v;
CALL run('random', 'SELECT v || (random() < 2) AS v FROM source');
CALL run('random', 'SELECT v || (random() < 2) AS v FROM source');
SELECT setseed(0.5);
CALL run('random', 'SELECT random()::text AS v FROM source');
CALL run('random', 'SELECT random()::text AS v FROM source');
SELECT action, reason FROM checkpoint.steps WHERE job = 'random' ORDER BY job_id;
-- what is kept is the rows that were hashed: they are computed with
SELECT checkpoint.output('m', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT count(*) FROM :output WHERE y IS DISTINCT FROM '<' || v || '>';

--
-- Early cut-off: the step before is computed anew, to the same rows: what comes
-- after is reused.  To other rows: only those are computed.
--
CREATE FUNCTION clean(v text) RETURNS text LANGUAGE sql AS 'SELECT trim(v)';
CREATE PROCEDURE chain() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('chain');
	CALL checkpoint.map('clean', 'SELECT id, v FROM source', 'clean(v) AS c');
	CALL checkpoint.gen('gen', 'SELECT c FROM clean', 'unnest(ARRAY[f(c), f(c)]) AS y');
	CALL checkpoint.query('count', 'SELECT count(*) AS n FROM gen');
	CALL checkpoint.map('last', 'SELECT n::text AS v FROM count', 'f(v) AS y');
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls', calls();
END $$;
CALL chain();
CREATE OR REPLACE FUNCTION clean(v text) RETURNS text LANGUAGE sql AS 'SELECT trim(v, '' '')';
CALL chain();
CREATE OR REPLACE FUNCTION clean(v text) RETURNS text LANGUAGE sql AS 'SELECT replace(v, ''v'', ''w'')';
CALL chain();
UPDATE source SET v = ' ' || v;
CREATE OR REPLACE FUNCTION clean(v text) RETURNS text LANGUAGE sql AS 'SELECT trim(v, '' '')';
CALL chain();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA input_identity CASCADE;
