--
-- Rule 3: another input.  A row whose values in the columns that the UDF reads
-- equal those of a processed row keeps that result, one for one.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA carry;
SET search_path = carry;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('carry.calls') - 1;
BEGIN
	PERFORM setval('carry.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION doubled(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	IF v = 30 THEN
		RAISE 'cannot double %', v;
	END IF;
	RETURN v * 2;
END $$;
CREATE FUNCTION upto(v int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	RETURN QUERY SELECT generate_series(1, v % 3);
END $$;
CREATE TABLE source AS SELECT g AS id, g AS v, 'note ' || g AS note FROM generate_series(1, 40) g;

-- Every output is compared with one computed from scratch.
CREATE PROCEDURE check_map(step text) LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
	ids bigint;
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM (SELECT id, v, note, d FROM %1$s EXCEPT ALL SELECT id, v, note, v * 2 FROM source) a)'
		' + (SELECT count(*) FROM (SELECT id, v, note, v * 2 FROM source EXCEPT ALL SELECT id, v, note, d FROM %1$s) b),'
		' (SELECT count(*) - count(DISTINCT sys__id) FROM %1$s)', checkpoint.output(step)) INTO wrong, ids;
	RAISE NOTICE '% rows differ, % ids are not unique', wrong, ids;
END $$;
CREATE PROCEDURE check_gen(step text) LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
	ids bigint;
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM (SELECT upto FROM %1$s EXCEPT ALL SELECT generate_series(1, v %% 3) FROM source) a)'
		' + (SELECT count(*) FROM (SELECT generate_series(1, v %% 3) FROM source EXCEPT ALL SELECT upto FROM %1$s) b),'
		' (SELECT count(*) - count(DISTINCT sys__id) FROM %1$s)', checkpoint.output(step)) INTO wrong, ids;
	RAISE NOTICE '% rows differ, % ids are not unique', wrong, ids;
END $$;

-- A failure on a table that goes on growing: a partial base serves whatever
-- its code.
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
INSERT INTO source SELECT g, g, 'new' FROM generate_series(41, 45) g;
DELETE FROM source WHERE id = 3;
CREATE OR REPLACE FUNCTION doubled(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	RETURN v * 2;
END $$;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
CALL checkpoint.gen('g', 'SELECT v FROM source', 'upto(v)');
SELECT calls();
CALL check_gen('g');
SELECT checkpoint.end_job();
-- the code that computed each row is remembered
SELECT count(*), sum(value::int) FROM checkpoint.checkpoints, jsonb_each_text(rows_by_code) WHERE step = 'm' AND state = 'final';

-- The next night, 1 row in 44 changed.  A final base serves only rows computed
-- by the same code: 28 of 44 rows of m were computed by the first version.
UPDATE source SET v = 1001 WHERE id = 10;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
CALL checkpoint.gen('g', 'SELECT v FROM source', 'upto(v)');
SELECT calls();
CALL check_gen('g');
SELECT checkpoint.end_job();

-- A row changed in a column that the UDF does not read: no call; the output has
-- the new value.
UPDATE source SET note = 'changed' WHERE id = 20;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
-- nor does gen have a column that it does not read in its input: reused
CALL checkpoint.gen('g', 'SELECT v FROM source', 'upto(v)');
SELECT calls();
-- one more that it does not read
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.gen('g', 'SELECT note, v FROM source', 'upto(v)');
SELECT calls();
CALL check_gen('g');
SELECT checkpoint.end_job();

-- Two identical rows, one more, one fewer: one for one.
INSERT INTO source SELECT * FROM source WHERE id = 20;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
SELECT checkpoint.end_job();
INSERT INTO source SELECT DISTINCT * FROM source WHERE id = 20;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
SELECT checkpoint.end_job();
DELETE FROM source WHERE ctid = (SELECT max(ctid) FROM source WHERE id = 20);
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
SELECT checkpoint.end_job();

-- NULLs are values like others.
INSERT INTO source VALUES (NULL, NULL, NULL), (NULL, NULL, NULL);
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
SELECT checkpoint.end_job();
DELETE FROM source WHERE id = 1;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
CALL check_map('m');
SELECT checkpoint.end_job();

-- A final base serves no rows computed by other code, nor fresh runs, nor
-- disabled caches.
CREATE OR REPLACE FUNCTION doubled(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	RETURN v + v;
END $$;
DELETE FROM source WHERE id = 2;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
SELECT checkpoint.end_job();
DELETE FROM source WHERE id = 4;
SELECT checkpoint.begin_job('carry', fresh => true) AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d');
SELECT calls();
SELECT checkpoint.end_job();
DELETE FROM source WHERE id = 5;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d', cache_enabled => false);
SELECT calls();
SELECT checkpoint.end_job();
-- but cache_version counts
DELETE FROM source WHERE id = 6;
SELECT checkpoint.begin_job('carry') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY id', 'doubled(v) AS d', cache_version => '2');
SELECT calls();
SELECT checkpoint.end_job();

-- What sees its row's number is not a function of the row's values.
SELECT checkpoint.begin_job('numbers') AS job \gset
CALL checkpoint.map('m', 'SELECT id FROM source', 'sys__id + 0 AS n');
DELETE FROM source WHERE id = 7;
SELECT checkpoint.begin_job('numbers') AS job \gset
CALL checkpoint.map('m', 'SELECT id FROM source', 'sys__id + 0 AS n');
SELECT checkpoint.end_job();

-- Carrying over only saves work: where it meets a limit, rows are computed.
CREATE TABLE many AS SELECT g AS v FROM generate_series(1, 60000) g;
SELECT checkpoint.begin_job('limit') AS job \gset
CALL checkpoint.map('m', 'SELECT v FROM many ORDER BY v', '-v AS d');
SELECT checkpoint.end_job();
INSERT INTO many VALUES (0);
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SET max_parallel_workers_per_gather = 0;
SET temp_file_limit = '400kB';
SET client_min_messages = warning;
SELECT checkpoint.begin_job('limit') AS job \gset
CALL checkpoint.map('m', 'SELECT v FROM many WHERE v % 3 < 2 UNION ALL SELECT v FROM many WHERE v % 3 = 2', '-v AS d');
RESET client_min_messages;
RESET temp_file_limit;
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(DISTINCT v), sum(v + d) FROM :output;
SELECT action, reason LIKE 'nothing could be carried over: %temp_file_limit%' AS says_why, rows_kept, rows_computed
FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job();
RESET work_mem;
RESET hash_mem_multiplier;
RESET max_parallel_workers_per_gather;
-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA carry CASCADE;
