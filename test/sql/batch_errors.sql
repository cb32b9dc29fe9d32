--
-- batch: a call that fails is repeated with halves of its rows, until the row
-- that fails is alone; all others keep their results.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE EXTENSION IF NOT EXISTS plpython3u;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA batch_errors;
SET search_path = batch_errors;
CREATE TABLE source AS SELECT id, 'row ' || id AS txt, ARRAY[id] AS tags FROM generate_series(1, 64) id;
-- Rows named in a setting fail; each call is counted, and that is not undone.
CREATE SEQUENCE calls;
CREATE FUNCTION f(ids int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('batch_errors.calls');
	IF ids && current_setting('test.' || 'bad')::int[] THEN
		RAISE 'bad row' USING ERRCODE = 'P0042', DETAIL = cardinality(ids) || ' rows';
	END IF;
	RETURN ids;
END $$;
CREATE FUNCTION in_python(ids int[]) RETURNS SETOF int LANGUAGE plpython3u AS $$
	if 17 in ids:
		raise ValueError("bad row")
	return ids
$$;
CREATE FUNCTION kept(step text) RETURNS TABLE (rows bigint, missing int[]) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(*), (SELECT array_agg(id ORDER BY id) FROM batch_errors.source s'
		' WHERE NOT EXISTS (SELECT FROM %1$s o WHERE o.sys__id = s.id)) FROM %1$s', checkpoint.output(step));
END $$;
CREATE VIEW last_step AS SELECT action, rows_total, rows_kept, rows_computed, rows_failed
FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;

-- One bad row of 64 is named after at most 13 calls; the rows before it are kept.
SET test.bad = '{38}';
SELECT 1 FROM checkpoint.begin_job('one');
\set VERBOSITY default
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'f(id) AS y', batch => 64);
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
SELECT last_value <= 13 AS found FROM calls;
SELECT rows_computed >= 37 AS kept FROM last_step;
SELECT setval('calls', 1, false);
SELECT 1 FROM checkpoint.begin_job('one');
SET test.bad = '{}';
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'f(id) AS y', batch => 64);
SELECT rows_kept >= 37 AS kept FROM last_step;
SELECT last_value AS calls FROM calls;
SELECT 1 FROM checkpoint.end_job();
SET client_min_messages = warning;
DO $$
DECLARE
	most int := 0;
BEGIN
	FOR bad IN 1 .. 64 BY 7 LOOP
		PERFORM setval('batch_errors.calls', 1, false), set_config('test.bad', ARRAY[bad]::text, false),
			checkpoint.begin_job('each ' || bad);
		COMMIT;
		CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'f(id) AS y', batch => 64, on_error => 'skip');
		PERFORM checkpoint.end_job();
		most := greatest(most, nextval('batch_errors.calls') - 1);
		IF (SELECT array_agg(sys__id) FROM checkpoint.errors WHERE job = 'each ' || bad) <> ARRAY[bad::bigint] THEN
			RAISE 'row % is not the one', bad;
		END IF;
	END LOOP;
	RAISE WARNING 'found within 13 calls: %', most <= 13;
END $$;
RESET client_min_messages;

-- Three of 64: all are found, the other 61 kept.  A row in quarantine was called alone.
SET test.bad = '{1,38,39}';
SELECT 1 FROM checkpoint.begin_job('three');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'f(id) AS three', batch => 64, on_error => 'skip');
SELECT * FROM kept('m');
SELECT sys__id, sqlstate, message, detail, attempts FROM checkpoint.errors WHERE job = 'three' ORDER BY sys__id;
SELECT 1 FROM checkpoint.end_job();
-- the next run tries just those, in one call
SET test.bad = '{39}';
SELECT setval('calls', 1, false);
SELECT 1 FROM checkpoint.begin_job('three');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'f(id) AS three', batch => 64, on_error => 'skip');
SELECT * FROM kept('m');
SELECT 1 FROM checkpoint.end_job();
SELECT last_value AS calls FROM calls;
SELECT sys__id, attempts FROM checkpoint.errors WHERE job = 'three' AND job_id = (SELECT max(job_id) FROM checkpoint.jobs);

-- In PL/Python, by workers, at the end of a short batch.
SELECT 1 FROM checkpoint.begin_job('python');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'in_python(id) AS y', batch => 10, on_error => 'skip', workers => 2);
SELECT * FROM kept('m');
SELECT sys__id, message FROM checkpoint.errors WHERE job = 'python';
SELECT 1 FROM checkpoint.end_job();
SET test.bad = '{64}';
SELECT 1 FROM checkpoint.begin_job('last');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'f(id) AS last', batch => 9);
SELECT * FROM kept('m');

-- Retries are of the row alone.
SELECT setval('calls', 1, false);
SET test.bad = '{5,6}';
SELECT 1 FROM checkpoint.begin_job('retries');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'f(id) AS r', batch => 4, on_error => 'skip', retries => 3, retry_delay => '1 ms');
SELECT last_value AS calls FROM calls;
SELECT sys__id, detail, attempts FROM checkpoint.errors WHERE job = 'retries' ORDER BY sys__id;
SELECT 1 FROM checkpoint.end_job();
-- one that succeeds after all
CREATE FUNCTION flaky(ids int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	IF 20 = ANY (ids) AND nextval('batch_errors.calls') < 8 THEN RAISE 'not yet'; END IF;
	RETURN ids;
END $$;
SELECT setval('calls', 1, false);
SELECT 1 FROM checkpoint.begin_job('flaky');
CALL checkpoint.map('m', 'SELECT id, txt FROM source ORDER BY id', 'flaky(id) AS r', batch => 8, retries => 10, retry_delay => '1 ms');
SELECT * FROM kept('m');
SELECT 1 FROM checkpoint.end_job();

-- A wrong number of results is a failed call; of one row, its error.
CREATE FUNCTION less(ids int[]) RETURNS int[] LANGUAGE sql AS $$ SELECT array_remove(ids, 7) $$;
CREATE FUNCTION more(ids int[]) RETURNS SETOF int LANGUAGE sql AS $$ SELECT x FROM unnest(ids) x CROSS JOIN generate_series(1, CASE x WHEN 7 THEN 2 ELSE 1 END) $$;
CREATE FUNCTION fewer(ids int[]) RETURNS SETOF int LANGUAGE sql AS $$ SELECT x FROM unnest(ids) x WHERE x <> 7 $$;
CREATE FUNCTION no_array(ids int[]) RETURNS int[] LANGUAGE sql AS $$ SELECT CASE WHEN 7 = ANY (ids) THEN NULL ELSE ids END $$;
CREATE FUNCTION square(ids int[]) RETURNS int[] LANGUAGE sql AS $$ SELECT CASE WHEN 7 = ANY (ids) THEN ARRAY[[1],[2]] ELSE ids END $$;
CREATE FUNCTION longer(ids int[]) RETURNS int[] LANGUAGE sql AS $$ SELECT CASE WHEN 7 = ANY (ids) THEN ids || 1 ELSE ids END $$;
SELECT 1 FROM checkpoint.begin_job('number');
CALL checkpoint.map('less', 'SELECT id FROM source ORDER BY id', 'less(id) AS r', batch => 16, on_error => 'skip');
CALL checkpoint.map('more', 'SELECT id FROM source ORDER BY id', 'more(id) AS r', batch => 16, on_error => 'skip');
CALL checkpoint.map('fewer', 'SELECT id FROM source ORDER BY id', 'fewer(id) AS r', batch => 16, on_error => 'skip');
CALL checkpoint.map('no_array', 'SELECT id FROM source ORDER BY id', 'no_array(id) AS r', batch => 16, on_error => 'skip');
CALL checkpoint.map('square', 'SELECT id FROM source ORDER BY id', 'square(id) AS r', batch => 16, on_error => 'skip');
CALL checkpoint.map('longer', 'SELECT id FROM source ORDER BY id', 'longer(id) AS r', batch => 16, on_error => 'skip');
SELECT step, sys__id, sqlstate, message FROM checkpoint.errors WHERE job = 'number' ORDER BY checkpoint_id;
SELECT 1 FROM checkpoint.end_job();
SELECT 1 FROM checkpoint.begin_job('number stops');
CALL checkpoint.map('less', 'SELECT id FROM source ORDER BY id', 'less(id) AS s', batch => 16);
\echo :LAST_ERROR_SQLSTATE

-- What a function writes matches the rows that are kept: it is repeated call by call.
CREATE TABLE written (id int);
CREATE FUNCTION writes(ids int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO batch_errors.written SELECT unnest(ids);
	IF ids && '{30,31}' THEN RAISE 'bad row'; END IF;
	RETURN ids;
END $$;
SELECT 1 FROM checkpoint.begin_job('writes');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'writes(id) AS r', batch => 4, on_error => 'skip');
SELECT * FROM kept('m');
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id IN (30, 31)) AS bad FROM written;
SELECT 1 FROM checkpoint.end_job();
-- it writes for the first time in the middle
TRUNCATE written;
CREATE FUNCTION writes_late(ids int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	IF ids[1] > 16 THEN INSERT INTO batch_errors.written SELECT unnest(ids); END IF;
	IF ids && '{30,31}' THEN RAISE 'bad row'; END IF;
	RETURN ids;
END $$;
SELECT 1 FROM checkpoint.begin_job('writes');
CALL checkpoint.map('late', 'SELECT id FROM source ORDER BY id', 'writes_late(id) AS r', batch => 4, on_error => 'skip');
SELECT * FROM kept('late');
SELECT count(*), count(DISTINCT id), min(id), count(*) FILTER (WHERE id IN (30, 31)) AS bad FROM written;
SELECT 1 FROM checkpoint.end_job();

-- Limits: errors count by rows, a timeout is for a call.
SET test.bad = '{1,2,3,4,5}';
SELECT 1 FROM checkpoint.begin_job('max_errors');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'f(id) AS e', batch => 8, on_error => 'skip', max_errors => 3);
SELECT array_agg(sys__id ORDER BY sys__id) FROM checkpoint.errors WHERE job = 'max_errors';
CREATE FUNCTION hangs(ids int[]) RETURNS int[] LANGUAGE plpgsql AS $$
BEGIN
	IF 11 = ANY (ids) THEN PERFORM pg_sleep(3600); END IF;
	RETURN ids;
END $$;
SELECT 1 FROM checkpoint.begin_job('hangs');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'hangs(id) AS h', batch => 8, on_error => 'skip', unit_timeout => '1 s');
SELECT * FROM kept('m');
SELECT sys__id, sqlstate, message FROM checkpoint.errors WHERE job = 'hangs';
SELECT 1 FROM checkpoint.end_job();
-- another timeout loses the batch in hand, and is the fault of none of its rows
SET statement_timeout = '3 s';
SELECT 1 FROM checkpoint.begin_job('timeout');
CALL checkpoint.map('m', 'SELECT id FROM source ORDER BY id', 'hangs(id) AS t', batch => 4, on_error => 'skip');
RESET statement_timeout;
\echo :LAST_ERROR_SQLSTATE
SELECT rows_computed, rows_failed FROM last_step;
SELECT error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;

-- What is refused.
SELECT 1 FROM checkpoint.begin_job('refused');
CREATE FUNCTION of_tags(tags int[]) RETURNS int[] LANGUAGE sql AS 'SELECT tags';
CALL checkpoint.map('m', 'SELECT id, tags FROM source', 'of_tags(tags) AS x', batch => 8);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.map('m', 'SELECT id FROM source', 'to_jsonb(input) AS x', batch => 8);
CALL checkpoint.map('m', 'SELECT id FROM source', 'cardinality(id) AS x', batch => 8);
CALL checkpoint.map('m', 'SELECT id FROM source', 'unnest(id) AS x, unnest(id) AS y', batch => 8);
CALL checkpoint.map('m', 'SELECT id FROM source', 'abs(id) AS x', batch => 8);
CALL checkpoint.map('m', 'SELECT id FROM source', 'f(id) AS x', batch => 0);
CALL checkpoint.map('m', 'SELECT id FROM source', 'f(id) AS x', batch => 10001);
SELECT 1 FROM checkpoint.end_job();

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA batch_errors CASCADE;
