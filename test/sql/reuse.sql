--
-- Rules 2 and 3: whom a finished step serves, and what makes it useless.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE reuse_a;
CREATE ROLE reuse_b;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA reuse;
GRANT ALL ON SCHEMA reuse TO reuse_a, reuse_b;
SET search_path = reuse;
CREATE TABLE source AS SELECT generate_series(1, 5) AS x;
CREATE SEQUENCE calls;
GRANT SELECT ON source TO reuse_a, reuse_b;
GRANT ALL ON SEQUENCE calls TO reuse_a, reuse_b;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('reuse.calls') - 1;
BEGIN
	PERFORM setval('reuse.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('reuse.calls');
	RETURN x * 10;
END $$;
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('reuse.calls');
	RETURN QUERY SELECT generate_series(1, x % 3);
END $$;

--
-- Two steps with the same query and function in one job: computed once.
--
SELECT checkpoint.begin_job('twice');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.map('m again', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.gen('g', 'SELECT x FROM source', 'g(x) AS y');
CALL checkpoint.gen('g again', 'SELECT x FROM source', 'g(x) AS y');
CALL checkpoint.query('q', 'SELECT sum(y) FROM m');
CALL checkpoint.query('q again', 'SELECT sum(y) FROM "m again"');
SELECT checkpoint.output('m') = checkpoint.output('m again') AS m,
	checkpoint.output('g') = checkpoint.output('g again') AS g,
	checkpoint.output('q') = checkpoint.output('q again') AS q;
SELECT checkpoint.end_job();
SELECT calls();

-- Another job, under other names, of the same owner; save, too, which keeps its
-- rows as query does.
SELECT checkpoint.begin_job('other');
CALL checkpoint.map('x', 'SELECT x FROM source ORDER BY x DESC', 'f(x) AS y');
CALL checkpoint.gen('y', 'TABLE source', 'g(x) AS y');
CALL checkpoint.save('reuse.published', 'SELECT sum(y) FROM x');
SELECT checkpoint.end_job();
SELECT calls();
TABLE published;
-- another kind of step is another thing: map's rows are not query's
SELECT checkpoint.begin_job('twice');
CALL checkpoint.query('m', 'SELECT x, f(x) AS y FROM source');
CALL checkpoint.map('g', 'SELECT x FROM source', '1 AS y');
CALL checkpoint.gen('q', 'SELECT x FROM source', 'generate_series(1, 1) AS y');
SELECT checkpoint.end_job();
SELECT calls();

-- When its input has changed, a step goes on from what it reused of another job.
INSERT INTO source VALUES (6);
SELECT checkpoint.begin_job('other');
CALL checkpoint.map('x', 'SELECT x FROM source', 'f(x) AS y');
SELECT calls();
SELECT checkpoint.begin_job('twice');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Not by another role, whatever it may read.
--
SET ROLE reuse_a;
SELECT checkpoint.begin_job('twice');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT calls();
SET ROLE reuse_b;
SELECT checkpoint.begin_job('twice');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT calls();
-- nor what is unfinished, nor to be carried over
RESET ROLE;
GRANT reuse_a TO reuse_b;
INSERT INTO source VALUES (7);
SET ROLE reuse_a;
SELECT checkpoint.begin_job('unfinished');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) / (7 - x) AS y');
SELECT calls();
SET ROLE reuse_b;
SELECT checkpoint.begin_job('unfinished');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) / (7 - x) AS y');
SELECT calls();
SELECT checkpoint.begin_job('unfinished');
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x < 7', 'f(x) / (7 - x) AS y');
SELECT checkpoint.end_job();
SELECT calls();
-- its own
SET ROLE reuse_a;
SELECT checkpoint.begin_job('unfinished');
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x < 7', 'f(x) / (7 - x) AS y');
SELECT checkpoint.end_job();
SELECT calls();
RESET ROLE;
DELETE FROM source WHERE x = 7;

--
-- A changed output column makes earlier work useless, and the NOTICE says so.
--
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.map('c', 'SELECT x FROM source', 'f(x) AS y, 1 AS c');
SELECT checkpoint.end_job();
SELECT calls();
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('c', 'SELECT x FROM source', 'f(x) AS y, 1::bigint AS c');
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('c', 'SELECT x FROM source', 'f(x) AS y, 1::bigint AS d');
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('c', 'SELECT x FROM source', '1::bigint AS d, f(x) AS y');
SELECT calls();
-- the function's result type
DROP FUNCTION f(int);
CREATE FUNCTION f(x int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('reuse.calls');
	RETURN x * 10;
END $$;
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('c', 'SELECT x FROM source', '1::bigint AS d, f(x) AS y');
SELECT calls();
-- also of an unfinished step, which is continued with any code that has the same
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('u', 'SELECT x FROM source ORDER BY x', 'f(x) / (4 - x) AS u');
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('u', 'SELECT x FROM source ORDER BY x', 'f(x)::int AS u');
SELECT checkpoint.end_job();
SELECT calls();

--
-- A -> B -> A, of the data, of the code, of both.
--
CREATE FUNCTION ab(x int) RETURNS text LANGUAGE sql AS $$ SELECT 'A' || reuse.f(x) $$;
CREATE PROCEDURE ab() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('ab');
	CALL checkpoint.map('ab', 'SELECT x FROM source', 'ab(x) AS y');
	CALL checkpoint.gen('gen', 'SELECT y FROM ab', 'unnest(ARRAY[y, ''gen'']) AS z');
	PERFORM checkpoint.end_job();
	RAISE NOTICE '% calls', calls();
END $$;
CALL ab();
DELETE FROM source WHERE x = 1;
CALL ab();
CREATE OR REPLACE FUNCTION ab(x int) RETURNS text LANGUAGE sql AS $$ SELECT 'B' || reuse.f(x) $$;
CALL ab();
INSERT INTO source VALUES (1);
CALL ab();
CREATE OR REPLACE FUNCTION ab(x int) RETURNS text LANGUAGE sql AS $$ SELECT 'A' || reuse.f(x) $$;
CALL ab();
DELETE FROM source WHERE x = 1;
CALL ab();
SELECT checkpoint.output('ab', max(job_id)) AS output FROM checkpoint.jobs \gset
SELECT count(*), count(*) FILTER (WHERE y = 'A' || x * 10) AS right FROM :output;

-- What is compared for the reason is what was used last, not what was made last.
CREATE FUNCTION helper(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION why(x int) RETURNS int LANGUAGE sql AS 'SELECT reuse.helper(x)';
CREATE PROCEDURE why() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('why');
	CALL checkpoint.map('m', 'SELECT 1 AS x', 'why(x) AS y');
	PERFORM checkpoint.end_job();
END $$;
CALL why();
CREATE OR REPLACE FUNCTION why(x int) RETURNS int LANGUAGE sql AS 'SELECT -reuse.helper(x)';
CALL why();
CREATE OR REPLACE FUNCTION why(x int) RETURNS int LANGUAGE sql AS 'SELECT reuse.helper(x)';
CALL why();
CREATE OR REPLACE FUNCTION helper(x int) RETURNS int LANGUAGE sql AS 'SELECT x * 2';
CALL why();
-- An empty cache_version is refused.
SELECT checkpoint.begin_job('why') > 0;
CALL checkpoint.map('m', 'SELECT 1 AS x', 'why(x) AS y', cache_version => '');

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA reuse CASCADE;
DROP EXTENSION checkpoint CASCADE;
DROP ROLE reuse_a, reuse_b;
CREATE EXTENSION checkpoint;
