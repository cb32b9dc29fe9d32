--
-- Rule 7, functions that write: the batch in hand is undone with what it wrote
-- and run again row by row, in the same run: the writes match exactly the rows
-- that are kept.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA writes;
SET search_path = writes;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 20);
CREATE TABLE written (x int);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('writes.calls') - 1;
BEGIN
	PERFORM setval('writes.calls', 1, false);
	RETURN n;
END $$;
SET test.fails_on = 0;

-- compare says whether the writes match the rows of a job's last checkpoint.
CREATE FUNCTION compare(job text) RETURNS TABLE (processed bigint, output bigint, written bigint, same boolean)
LANGUAGE plpgsql AS $$
DECLARE
	cp checkpoint.checkpoints;
BEGIN
	SELECT * INTO cp FROM checkpoint.checkpoints c WHERE c.job = compare.job
	ORDER BY c.checkpoint_id DESC LIMIT 1;
	processed := cp.rows_processed;
	SELECT count(*) INTO written FROM writes.written;
	EXECUTE format('SELECT count(*), NOT EXISTS (
			(SELECT x FROM %1$s EXCEPT ALL SELECT x FROM writes.written) UNION ALL
			(SELECT x FROM writes.written EXCEPT ALL SELECT x FROM %1$s))
		FROM %1$s', cp.output_table) INTO output, same;
	RETURN NEXT;
END $$;

--
-- A function that writes and fails afterwards.
--
CREATE FUNCTION w(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('writes.calls');
	INSERT INTO writes.written VALUES (x);
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;

SET test.fails_on = 12;
SELECT checkpoint.begin_job('w') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'w(x) AS y');
SELECT * FROM compare('w');
SELECT calls() >= 12 AS called;
SET test.fails_on = 15;
SELECT checkpoint.begin_job('w') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'w(x) AS y');
SELECT * FROM compare('w');
SELECT calls() >= 4 AS called;
-- no call is repeated on rerun
SET test.fails_on = 0;
SELECT checkpoint.begin_job('w') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'w(x) AS y');
SELECT * FROM compare('w');
SELECT calls();
SELECT checkpoint.end_job();
SELECT count(*), count(DISTINCT x) FROM written;

--
-- The same in batches of three, where earlier batches are done already.
--
SET checkpoint.batch_rows = 3;
TRUNCATE written;
SET test.fails_on = 12;
SELECT checkpoint.begin_job('batches') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'w(x) AS y, 1 AS n');
SELECT * FROM compare('batches');
-- 11 and those of the batch in hand twice
SELECT calls() BETWEEN 12 AND 15 AS called;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('batches') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'w(x) AS y, 1 AS n');
SELECT * FROM compare('batches');
SELECT calls();
SELECT checkpoint.end_job();
RESET checkpoint.batch_rows;

--
-- A function that writes only now and then, one that catches its errors, and
-- one that undoes what it wrote itself.
--
CREATE FUNCTION sometimes(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('writes.calls');
	IF x IN (3, 9) THEN
		INSERT INTO writes.written VALUES (x);
	END IF;
	RETURN 1 / (x - current_setting('test.' || 'fails_on')::int);
END $$;
TRUNCATE written;
SET test.fails_on = 12;
SELECT checkpoint.begin_job('sometimes') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'sometimes(x) AS y');
SELECT rows_processed FROM checkpoint.checkpoints WHERE job = 'sometimes';
SELECT string_agg(x::text, ',' ORDER BY x) FROM written;
SELECT calls() >= 12 AS called;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('sometimes') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'sometimes(x) AS y');
SELECT string_agg(x::text, ',' ORDER BY x) FROM written;
SELECT calls();
SELECT checkpoint.end_job();

CREATE FUNCTION catches(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('writes.calls');
	BEGIN
		INSERT INTO writes.written VALUES (x);
		IF x % 2 = 0 THEN
			RAISE 'even';
		END IF;
	EXCEPTION WHEN raise_exception THEN
		IF x = current_setting('test.' || 'fails_on')::int THEN
			RAISE 'failed on %', x;
		END IF;
		RETURN 'caught';
	END;
	RETURN 'wrote';
END $$;
TRUNCATE written;
SET test.fails_on = 12;
SELECT checkpoint.begin_job('catches') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'catches(x) AS y');
SELECT rows_processed FROM checkpoint.checkpoints WHERE job = 'catches';
SELECT string_agg(x::text, ',' ORDER BY x) FROM written;
SELECT calls() >= 12 AS called;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('catches') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'catches(x) AS y');
SELECT checkpoint.output('m') AS output \gset
SELECT y, string_agg(x::text, ',' ORDER BY x) FROM :output GROUP BY y ORDER BY y;
SELECT string_agg(x::text, ',' ORDER BY x) FROM written;
SELECT calls();
SELECT checkpoint.end_job();

-- An exception block that does not write does not make calls repeat.
CREATE FUNCTION reads(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('writes.calls');
	BEGIN
		RETURN 1 / (x % 3);
	EXCEPTION WHEN division_by_zero THEN
		IF x = current_setting('test.' || 'fails_on')::int THEN
			RAISE;
		END IF;
		RETURN NULL;
	END;
END $$;
SET test.fails_on = 12;
SELECT checkpoint.begin_job('reads') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'reads(x) AS y');
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('reads') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'reads(x) AS y');
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(y) FROM :output;
SELECT calls();
SELECT checkpoint.end_job();

--
-- gen: what an input wrote goes with its rows.
--
CREATE FUNCTION g(i int) RETURNS TABLE (x int, part int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('writes.calls');
	FOR n IN 1 .. i % 3 LOOP
		x := i; part := n;
		INSERT INTO writes.written VALUES (i);
		RETURN NEXT;
	END LOOP;
	IF i = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', i;
	END IF;
END $$;
TRUNCATE written;
SET test.fails_on = 11;
SELECT checkpoint.begin_job('g') AS job \gset
CALL checkpoint.gen('g', 'SELECT x AS i FROM source', 'g(i)');
SELECT * FROM compare('g');
SELECT calls() >= 11 AS called;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('g') AS job \gset
CALL checkpoint.gen('g', 'SELECT x AS i FROM source', 'g(i)');
SELECT * FROM compare('g');
SELECT calls();
SELECT checkpoint.end_job();

--
-- A write that fails only when it is committed: its rows are not kept either.
--
CREATE TABLE parent (x int PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 10);
CREATE TABLE deferred (x int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION d(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO writes.deferred VALUES (x);
	RETURN x;
END $$;
SELECT checkpoint.begin_job('deferred') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'd(x) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT c.rows_processed = (SELECT count(*) FROM deferred) AS same, c.state, j.status
FROM checkpoint.checkpoints c JOIN checkpoint.jobs j USING (job_id) WHERE c.job = 'deferred';
INSERT INTO parent SELECT generate_series(11, 20);
SELECT checkpoint.begin_job('deferred') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'd(x) AS y');
SELECT count(*), count(DISTINCT x) FROM deferred;
SELECT checkpoint.end_job();

--
-- What it wrote is kept for exactly the rows kept: wherever in a batch of two the
-- first write and the error are.
--
CREATE FUNCTION from_row(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x >= current_setting('test.' || 'writes_from')::int THEN
		INSERT INTO writes.written VALUES (x);
	END IF;
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x;
END $$;
SET checkpoint.batch_rows = 2;
CREATE PROCEDURE show_kept(step text) LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'kept %, written %', (SELECT rows_processed FROM checkpoint.checkpoints c WHERE c.step = show_kept.step),
		(SELECT string_agg(x::text, ',' ORDER BY x) FROM writes.written);
END $$;
\set ECHO none
SET client_min_messages = notice;
SELECT format('DO $$ BEGIN PERFORM checkpoint.begin_job(''from''); END $$; TRUNCATE written;
	SET test.writes_from = %1$s; SET test.fails_on = %2$s;', w, w + f),
	format('CALL checkpoint.map(''from %1$s, %2$s'', ''SELECT x FROM source ORDER BY x'', ''from_row(x) AS y'')', w, f),
	format('CALL show_kept(''from %s, %s'')', w, f)
FROM generate_series(1, 4) w, generate_series(0, 2) f ORDER BY w, f \gexec
\set ECHO all
RESET checkpoint.batch_rows;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA writes CASCADE;
