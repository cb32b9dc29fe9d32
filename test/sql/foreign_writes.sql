--
-- Rule 7, functions that write through a foreign table: the writes on the other
-- server match exactly the rows that are kept.
--
SELECT count(*) = 0 AS without_fdw FROM pg_available_extensions WHERE name = 'postgres_fdw' \gset
\if :without_fdw
	\quit
\endif
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE EXTENSION postgres_fdw;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA foreign_writes;
SET search_path = foreign_writes;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 100);

-- The other server is this one; what is written there is in table written.
DO $$
BEGIN
	EXECUTE format('CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
		coalesce(nullif(split_part(current_setting('unix_socket_directories'), ',', 1), ''), 'localhost'),
		current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback;
CREATE TABLE written (x int);
CREATE FOREIGN TABLE remote (x int) SERVER loopback OPTIONS (schema_name 'foreign_writes', table_name 'written');
CREATE TABLE parts (x int) PARTITION BY RANGE (x);
CREATE FOREIGN TABLE part PARTITION OF parts DEFAULT
	SERVER loopback OPTIONS (schema_name 'foreign_writes', table_name 'written');

-- compare says whether the writes match the rows of a job's last checkpoint.
CREATE FUNCTION compare(job text) RETURNS TABLE (processed bigint, output bigint, written bigint, same boolean)
LANGUAGE plpgsql AS $$
DECLARE
	cp checkpoint.checkpoints;
BEGIN
	SELECT * INTO cp FROM checkpoint.checkpoints c WHERE c.job = compare.job
	ORDER BY c.checkpoint_id DESC LIMIT 1;
	processed := cp.rows_processed;
	SELECT count(*) INTO written FROM foreign_writes.written;
	EXECUTE format('SELECT count(*), NOT EXISTS (
			(SELECT x FROM %1$s EXCEPT ALL SELECT x FROM foreign_writes.written) UNION ALL
			(SELECT x FROM foreign_writes.written EXCEPT ALL SELECT x FROM %1$s))
		FROM %1$s', cp.output_table) INTO output, same;
	RETURN NEXT;
END $$;

-- w writes in one of several ways, and fails afterwards.
SET test.fails_on = 0;
CREATE FUNCTION w(x int, way text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	CASE way
		WHEN 'insert' THEN INSERT INTO foreign_writes.remote VALUES (x);
		WHEN 'update' THEN UPDATE foreign_writes.remote r SET x = -r.x WHERE r.x = -w.x;
		WHEN 'with' THEN EXECUTE 'WITH i AS (INSERT INTO foreign_writes.remote VALUES ($1) RETURNING x)
				SELECT x FROM i' USING x;
		WHEN 'partition' THEN INSERT INTO foreign_writes.parts VALUES (x);
		WHEN 'explain' THEN EXECUTE 'EXPLAIN ANALYZE INSERT INTO foreign_writes.remote VALUES ($1)' USING x;
		WHEN 'do' THEN EXECUTE format('DO %L', format('BEGIN INSERT INTO foreign_writes.remote VALUES (%s); END', x));
		WHEN 'sql' THEN PERFORM foreign_writes.w_sql(x);
		WHEN 'sometimes' THEN
			IF x = 3 THEN
				INSERT INTO foreign_writes.remote VALUES (x);
			END IF;
	END CASE;
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
CREATE FUNCTION w_sql(x int) RETURNS void LANGUAGE sql AS 'INSERT INTO foreign_writes.remote VALUES (x)';

-- A job fails at its fifth row, and ends.
\set call 'CALL checkpoint.map(\'m\', \'SELECT x FROM source ORDER BY x LIMIT 10\', format(\'w(x, %L) AS y\', :\'way\'));'
\set prepare 'TRUNCATE written; INSERT INTO written SELECT -x FROM source WHERE x <= 10 AND :\'way\' = \'update\';'
\set fail 'SET test.fails_on = 5; SELECT checkpoint.begin_job(:\'way\') > 0 AS fails; :call SELECT string_agg(x::text, \', \' ORDER BY x) AS kept FROM written WHERE x > 0;'
\set end 'SET test.fails_on = 0; SELECT checkpoint.begin_job(:\'way\') > 0 AS ends; :call DO $$BEGIN PERFORM checkpoint.end_job(); END$$;'
\set run ':prepare :fail :end SELECT :\'way\' AS way, * FROM compare(:\'way\');'
\set way insert
:prepare
:fail
:end
SELECT * FROM compare(:'way');
\set ECHO none
\set way update
:run
\set way with
:run
\set way partition
:run
\set way explain
:run
\set way do
:run
\set way sql
:run

-- A write of an earlier row of the batch that fails is undone, and made again.
\set way sometimes
:run

\set ECHO all

-- TRUNCATE is a utility statement.
CREATE FUNCTION t(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 3 THEN
		TRUNCATE foreign_writes.remote;
	END IF;
	RETURN 1 / (5 - x);
END $$;
INSERT INTO written SELECT generate_series(1, 3);
SELECT checkpoint.begin_job('truncate') > 0 AS fails;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x LIMIT 10', 't(x) AS y');
SELECT rows_processed FROM checkpoint.checkpoints WHERE job = 'truncate';
SELECT count(*) FROM written;

-- With several processes, and rows that are skipped.
TRUNCATE written;
SET test.fails_on = 0;
CREATE FUNCTION tenth(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO foreign_writes.remote VALUES (x);
	IF x % 10 = 0 THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('skip') > 0 AS skips;
CALL checkpoint.map('m', 'SELECT x FROM source', 'tenth(x) AS y', on_error => 'skip', workers => 2);
SELECT * FROM compare('skip');
SELECT checkpoint.end_job();

-- What a failed batch read elsewhere is no write: no call is repeated.
CREATE SEQUENCE calls;
CREATE FUNCTION reads(x int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('foreign_writes.calls');
	IF x = 12 THEN
		RAISE 'failed on %', x;
	END IF;
	IF x = 3 THEN
		SET LOCAL checkpoint.progress_interval = 0;
		EXECUTE 'EXPLAIN INSERT INTO foreign_writes.remote VALUES (1)';
		DO 'BEGIN PERFORM count(*) FROM foreign_writes.remote; END';
	END IF;
	RETURN (SELECT count(*) FROM foreign_writes.remote);
END $$;
SELECT checkpoint.begin_job('reads') > 0 AS fails;
CALL checkpoint.map('m', 'SELECT x FROM source', 'reads(x) AS y');
SELECT last_value FROM calls;

SET client_min_messages = warning;
DROP SCHEMA foreign_writes CASCADE;
DROP EXTENSION postgres_fdw CASCADE;
