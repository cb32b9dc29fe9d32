--
-- What a rerun computes, and what it does not: rules 2, 3, 7 and 15.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA rerun;
SET search_path = rerun;
CREATE TABLE source (x int, note text DEFAULT 'n');
INSERT INTO source SELECT generate_series(1, 10);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('rerun.calls') - 1;
BEGIN
	PERFORM setval('rerun.calls', 1, false);
	RETURN n;
END $$;

SET test.fails_on = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('rerun.calls');
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;

--
-- Rule 2: a final checkpoint is found whatever the step and the job are called.
--
SELECT checkpoint.begin_job('a');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.map('same', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('b');
CALL checkpoint.map('elsewhere', 'SELECT x FROM source', 'f(x) AS y');
SELECT sum(y) FROM checkpoint_data.a_m_1_output;
SELECT checkpoint.end_job();
SELECT calls();

-- Rule 1: same rows in another order, from a rewritten query, with other row
-- versions or read through another table: same input.
SELECT checkpoint.begin_job('a');
CALL checkpoint.map('order', 'SELECT x FROM source ORDER BY x DESC', 'f(x) AS y');
CALL checkpoint.map('rewritten', 'WITH s AS (TABLE source) SELECT s.x FROM s WHERE true LIMIT 100', 'f(x) AS y');
UPDATE source SET note = 'updated';
CALL checkpoint.map('updated', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.map('no table', 'SELECT 11 - generate_series(1, 10) AS x', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT calls();

-- Other rows, one row twice, one row fewer, another column name, another type,
-- another column: other inputs.
SELECT checkpoint.begin_job('a');
CALL checkpoint.map('1', 'SELECT CASE x WHEN 1 THEN 11 ELSE x END AS x FROM source', 'f(x) AS y');
CALL checkpoint.map('2', 'SELECT x FROM source UNION ALL SELECT 1', 'f(x) AS y');
CALL checkpoint.map('3', 'SELECT x FROM source WHERE x > 1', 'f(x) AS y');
CALL checkpoint.map('4', 'SELECT x AS z FROM source', 'f(z) AS y');
CALL checkpoint.map('5', 'SELECT x::smallint FROM source', 'f(x) AS y');
CALL checkpoint.map('6', 'SELECT x, note FROM source', 'f(x) AS y');
CALL checkpoint.map('7', 'SELECT x FROM source WHERE false', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT calls();

-- So are other output columns, and another expression.
SELECT checkpoint.begin_job('a');
CALL checkpoint.map('1', 'SELECT x FROM source', 'f(x) AS z');
CALL checkpoint.map('2', 'SELECT x FROM source', 'f(x)::bigint AS y');
CALL checkpoint.map('3', 'SELECT x FROM source', 'f(x) + 0 AS y');
CALL checkpoint.gen('4', 'SELECT x FROM source', 'generate_series(f(x), 10) AS y');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Rule 2: cache_version is part of the key.
--
SELECT checkpoint.begin_job('a');
CALL checkpoint.map('1', 'SELECT x FROM source', 'f(x) AS y', cache_version => 'v2');
CALL checkpoint.map('2', 'SELECT x FROM source', 'f(x) AS y', cache_version => 'v2');
CALL checkpoint.map('3', 'SELECT x FROM source', 'f(x) AS y');
CALL checkpoint.query('4', 'SELECT 1 AS one', cache_version => 'v1');
CALL checkpoint.query('5', 'SELECT 1 AS one', cache_version => 'v2');
CALL checkpoint.query('6', 'SELECT 1 AS one', cache_version => 'v1');
SELECT checkpoint.end_job();
SELECT calls();

-- Rule 3: the version of an unfinished step may change, as its code may.
SET test.fails_on = 4;
SELECT checkpoint.begin_job('version');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 1 AS n', cache_version => 'v1');
SET test.fails_on = 0;
SELECT checkpoint.begin_job('version');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 1 AS n', cache_version => 'v2');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Rules 2 and 3: code A, then B, then A again finds what A computed.
--
CREATE FUNCTION ab(x int) RETURNS text LANGUAGE sql AS $$ SELECT 'A' $$;
SELECT checkpoint.begin_job('ab');
CALL checkpoint.map('m', 'SELECT x FROM source', 'ab(x)');
SELECT checkpoint.end_job();
CREATE OR REPLACE FUNCTION ab(x int) RETURNS text LANGUAGE sql AS $$ SELECT 'B' $$;
SELECT checkpoint.begin_job('ab');
CALL checkpoint.map('m', 'SELECT x FROM source', 'ab(x)');
SELECT checkpoint.end_job();
-- (comments, spacing and the case of keywords do not count: rule 4)
CREATE OR REPLACE FUNCTION ab(x int) RETURNS text LANGUAGE sql AS $$
	select 'A'	-- as before
$$;
SELECT checkpoint.begin_job('ab');
CALL checkpoint.map('m', 'SELECT x FROM source', 'ab(x)');
SELECT checkpoint.output('m') AS output \gset
SELECT DISTINCT ab FROM :output;
SELECT checkpoint.end_job();

--
-- Rule 3: a final checkpoint whose rows were computed by more than one version
-- of the code is reused in its own run group only.
--
CREATE FUNCTION mixed(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('rerun.calls');
	RETURN 'old ' || 1 / (x - 6);
END $$;
SELECT checkpoint.begin_job('mixed');
CALL checkpoint.map('m', 'SELECT x FROM source', 'mixed(x)');
SELECT calls();
CREATE OR REPLACE FUNCTION mixed(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('rerun.calls');
	RETURN 'new';
END $$;
SELECT checkpoint.begin_job('mixed');
CALL checkpoint.map('m', 'SELECT x FROM source', 'mixed(x)');
SELECT checkpoint.output('m') AS output \gset
SELECT split_part(mixed, ' ', 1) AS version, count(*) FROM :output GROUP BY 1 ORDER BY 1;
SELECT checkpoint.end_job();
SELECT calls();
-- its own group
SELECT checkpoint.begin_job('mixed');
CALL checkpoint.map('m', 'SELECT x FROM source', 'mixed(x)');
SELECT checkpoint.end_job();
SELECT calls();
-- another one, twice: what it computes is not mixed and serves all
SELECT checkpoint.begin_job('pure');
CALL checkpoint.map('m', 'SELECT x FROM source', 'mixed(x)');
SELECT checkpoint.output('m') AS output \gset
SELECT DISTINCT mixed FROM :output;
SELECT checkpoint.end_job();
SELECT calls();
SELECT checkpoint.begin_job('third');
CALL checkpoint.map('m', 'SELECT x FROM source', 'mixed(x)');
SELECT checkpoint.end_job();
SELECT calls();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA rerun CASCADE;
