--
-- What a user can do wrong in the texts of a step, its query and its UDF: a
-- clear error that points into the text, nothing lost, nothing half-made.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
CREATE SCHEMA errors;
SET search_path = errors;
CREATE TABLE src AS SELECT i AS num, 'text ' || i AS txt FROM generate_series(1, 3) i;
CREATE TABLE victim AS SELECT 1 AS x;

-- What a refused call leaves behind: nothing.
CREATE FUNCTION refused(sqlstate text) RETURNS text LANGUAGE sql AS $$
SELECT concat_ws(', ', 'SQLSTATE ' || sqlstate,
    (SELECT status FROM checkpoint.jobs WHERE status <> 'running'),
    (SELECT 'steps: ' || string_agg(step || ' ' || action, ', ') FROM checkpoint.steps
     WHERE step <> 'good'),
    (SELECT 'tables: ' || string_agg(relname, ', ') FROM pg_class
     WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r' AND
         relname !~ '_good_'),
    (SELECT 'changed: ' || count(*) FROM victim HAVING count(*) <> 1 OR max(x) <> 1))
$$;
\set refused 'SELECT refused(:''LAST_ERROR_SQLSTATE'');'
\pset format unaligned
\pset tuples_only on

SELECT checkpoint.begin_job('errors');
CALL checkpoint.query('good', 'SELECT num FROM src');

--
-- Queries that do not parse, or are not one
--
CALL checkpoint.query('bad', 'SELEC num FROM src');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src WHERE', 'num + 1 AS y');
:refused
CALL checkpoint.gen('bad', 'SELECT ''unclosed FROM src', 'generate_series(1, num)');
:refused
CALL checkpoint.save('errors.bad', 'SELECT (num FROM src');
:refused
CALL checkpoint.query('bad', '');
:refused
CALL checkpoint.query('bad', '  -- nothing ');
:refused
CALL checkpoint.query('bad', ';');
:refused
CALL checkpoint.query('bad', 'SELECT 1 AS a; SELECT 2 AS b');
:refused
CALL checkpoint.query('bad', 'SELECT 1 AS a; DROP TABLE errors.victim');
:refused
CALL checkpoint.query('bad', 'SELECT $1::int AS a');
:refused

--
-- Statements that are no SELECT, or do more than read
--
CALL checkpoint.query('bad', 'INSERT INTO victim VALUES (2)');
:refused
CALL checkpoint.query('bad', 'INSERT INTO victim VALUES (2) RETURNING x');
:refused
CALL checkpoint.map('bad', 'UPDATE victim SET x = 3 RETURNING x', 'x + 1 AS y');
:refused
CALL checkpoint.gen('bad', 'DELETE FROM victim RETURNING x', 'generate_series(1, x)');
:refused
CALL checkpoint.save('errors.bad', 'WITH d AS (DELETE FROM victim RETURNING x) SELECT x FROM d');
:refused
CALL checkpoint.query('bad', 'WITH u AS (UPDATE victim SET x = 3) SELECT 1 AS x');
:refused
CALL checkpoint.query('bad', 'SELECT x INTO stolen FROM victim');
:refused
CALL checkpoint.query('bad', 'SELECT x FROM victim FOR UPDATE');
:refused
CALL checkpoint.query('bad', 'SELECT * FROM (SELECT x FROM victim FOR UPDATE) v');
:refused
CALL checkpoint.map('bad', 'SELECT x FROM (SELECT x FROM victim) v WHERE x IN (SELECT x FROM victim FOR SHARE)', 'x + 1 AS y');
:refused
CALL checkpoint.query('bad', 'WITH v AS (SELECT x FROM victim FOR NO KEY UPDATE SKIP LOCKED) SELECT x FROM v UNION ALL SELECT 1');
:refused
CREATE VIEW locks AS SELECT x FROM victim FOR KEY SHARE;
CALL checkpoint.query('bad', 'SELECT (SELECT min(x) FROM locks) AS x');
:refused
CALL checkpoint.query('bad', 'SELECT x FROM victim', probe => 'SELECT * FROM (SELECT x FROM victim FOR UPDATE) v');
:refused
DROP VIEW locks;
CALL checkpoint.query('bad', 'CREATE TABLE stolen AS SELECT x FROM victim');
:refused
CALL checkpoint.query('bad', 'EXPLAIN SELECT x FROM victim');
:refused
CALL checkpoint.query('bad', 'DROP TABLE victim');
:refused
CALL checkpoint.query('bad', 'COMMIT');
:refused
SELECT to_regclass('stolen') IS NULL;

--
-- Queries without columns, or with columns that no table can have
--
CALL checkpoint.query('bad', 'SELECT');
:refused
CALL checkpoint.query('bad', 'SELECT FROM src');
:refused
CALL checkpoint.query('bad', 'SELECT sys__id FROM good');
:refused
CALL checkpoint.query('bad', 'SELECT num, num FROM src');
:refused
CALL checkpoint.map('bad', 'SELECT a.num, b.num FROM src a, src b', '1 AS y');
:refused
CALL checkpoint.query('bad', 'SELECT num AS ctid FROM src');
:refused
CALL checkpoint.query('bad', 'SELECT ROW(num, txt) AS r FROM src');
:refused
CALL checkpoint.query('bad', 'SELECT src, good FROM src, good');
:refused

--
-- Queries that name what is not there
--
CALL checkpoint.query('bad', 'SELECT * FROM missing');
:refused
CALL checkpoint.query('bad', 'SELECT * FROM src JOIN missing USING (num)');
:refused
CALL checkpoint.query('bad', 'SELECT missing FROM src');
:refused
CALL checkpoint.query('bad', 'SELECT missing(num) FROM src');
:refused
CALL checkpoint.query('bad', 'SELECT * FROM bad');
:refused
CALL checkpoint.query('bad', 'SELECT missing FROM good');
:refused

--
-- UDFs that name what is not there, or do not fit
--
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'missing(num)');
:refused
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'upper(num)');
:refused
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'num || 1 + txt AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'upper(txt)');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'generate_series(1)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'generate_series(1, num');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '(SELECT good.num FROM good) AS y');
:refused

-- a function's name is no call of it
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'upper');
:refused
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'pg_catalog.upper AS y, num + missing');
:refused
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'upper + missing');
:refused
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'missing.upper');
:refused
CALL checkpoint.map('bad', 'SELECT num, txt FROM src', 'missing');
:refused

--
-- UDFs that are more than a select list
--
CALL checkpoint.map('bad', 'SELECT num FROM src', '');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '   ');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y; DROP TABLE errors.victim');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y;');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', ';');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'x FROM victim');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y FROM victim');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y WHERE false');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y GROUP BY num');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y HAVING true');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y ORDER BY 1');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y LIMIT 1');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y OFFSET 1');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y FOR UPDATE');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y UNION ALL SELECT 2');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'DISTINCT num + 1 AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 INTO stolen');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1 AS y -- comment');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + /* comment */ 1 AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '/* unclosed');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + $1 AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '*');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'input.*, 1 AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'sum(num) AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'row_number() OVER () AS y');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'generate_series(1, max(num))');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '(WITH d AS (DELETE FROM victim RETURNING x) SELECT x FROM d) AS y');
:refused

--
-- UDFs whose columns no table can have
--
CREATE FUNCTION nothing(int) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION some_record(int) RETURNS record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION some_records(int) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION two_columns(int, OUT a int, OUT b int) LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION like_input(int, OUT num int, OUT b int) LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION reserved(int, OUT a int, OUT sys__id int) LANGUAGE sql AS 'SELECT 1, 2';
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'nothing(num)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'some_record(num)');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'some_records(num)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'ROW(num, 1) AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '1 AS y, 2 AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'num + 1, num + 2');
:refused
CALL checkpoint.map('bad', 'SELECT txt FROM src', 'upper(txt), upper(txt || 1)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'two_columns(num), two_columns(-num)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'two_columns(num), 1 AS b');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'two_columns(num) AS y');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '1 AS num');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'like_input(num)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '1 AS sys__id');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '1 AS sys__other');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', 'reserved(num)');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'generate_series(1, num) AS sys__input_id');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '1 AS ctid');
:refused

-- map wants no set, gen one
CALL checkpoint.map('bad', 'SELECT num FROM src', 'some_records(num)');
:refused
CALL checkpoint.map('bad', 'SELECT num FROM src', '1 + generate_series(1, num) AS y');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'num + 1');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'generate_series(1, num), 1 AS y');
:refused
CALL checkpoint.gen('bad', 'SELECT num FROM src', 'generate_series(1, num), generate_series(1, 2)');
:refused

--
-- Names to publish under
--
CALL checkpoint.save('', 'SELECT num FROM src');
:refused
CALL checkpoint.save('errors.', 'SELECT num FROM src');
:refused
CALL checkpoint.save('pg_catalog.bad', 'SELECT num FROM src');
:refused
CALL checkpoint.save('missing.bad', 'SELECT num FROM src');
:refused
CALL checkpoint.save('a.b.c.d', 'SELECT num FROM src');
:refused
CALL checkpoint.save('errors.victim', 'SELECT num FROM src');
:refused
CALL checkpoint.save('checkpoint_data.bad', 'SELECT num FROM src');
:refused
CALL checkpoint.save('pg_temp.bad', 'SELECT num FROM src');
:refused
CREATE VIEW shown AS SELECT txt AS num FROM src;
CALL checkpoint.save('errors.shown', 'SELECT num FROM src');
:refused

--
-- After all that the job is as good as new.  A table and a function that exist
-- by now serve the step of that name.
--
CREATE TABLE missing AS SELECT num FROM src;
CREATE FUNCTION missing(int) RETURNS int LANGUAGE sql AS 'SELECT -$1';
CALL checkpoint.map('bad', 'SELECT num FROM missing', 'missing(num)');
SELECT checkpoint.end_job();
SELECT step, kind, action, rows_computed FROM checkpoint.steps ORDER BY step;
SELECT status, error FROM checkpoint.jobs;
SELECT x FROM victim;

SET client_min_messages = warning;
DROP SCHEMA errors CASCADE;
