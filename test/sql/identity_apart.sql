--
-- The content hash of an input is added up by parallel workers where the server
-- chooses to, and is the same.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA identity_apart;
SET search_path = identity_apart;
-- The rows of an unlogged table are read each time.
CREATE UNLOGGED TABLE source AS SELECT g AS x, NULLIF('text ' || g, 'text 7') AS b, g * 1.5 AS "Odd, name" FROM generate_series(1, 1000) g;
ANALYZE source;

-- All rows are read by workers; what they do is told by a function that looks who calls it.
SET parallel_leader_participation = off;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
-- (to send all rows to the leader costs more than it saves)
SET parallel_tuple_cost = 0.1;
SELECT set_config('test.leader', pg_backend_pid()::text, false) <> '' AS set;
CREATE FUNCTION tells(x int) RETURNS boolean IMMUTABLE PARALLEL SAFE COST 1 LANGUAGE plpgsql AS $$
BEGIN
	IF x = 1 THEN
		RAISE NOTICE 'read by %', CASE pg_backend_pid()::text WHEN current_setting('test.leader') THEN 'the leader' ELSE 'a worker' END;
	END IF;
	RETURN true;
END $$;
CREATE VIEW shown AS SELECT * FROM source LIMIT 900;

\set run 'SELECT checkpoint.begin_job(:\'job\'); CALL checkpoint.map(\'m\', :\'query\', \'x + 1 AS y\'); SELECT checkpoint.end_job();'
\set explain 'SELECT action, rows_total, reason FROM checkpoint.explain_job(:\'job\');'

-- A dry run reads by workers; a step that calls users' code reads its rows once.
\set job told
\set query 'SELECT * FROM source WHERE tells(x)'
:run
:explain
:run

-- Without such code a rerun has the rows hashed apart, and makes no table for them.
\set job plain
\set query 'SELECT x, b, "Odd, name" AS "Odd" FROM source WHERE x <= 990'
:run
SET default_tablespace = pg_global;
:run
:explain
\set job told
\set query 'SELECT * FROM source WHERE tells(x)'
:run
RESET default_tablespace;
\set job plain
\set query 'SELECT x, b, "Odd, name" AS "Odd" FROM source WHERE x <= 990'
-- One row more, or one other value, is another input.
UPDATE source SET b = 'text 7' WHERE x = 7;
:explain
:run
:run
-- No rows.
\set job none
\set query 'SELECT * FROM source WHERE x < 0'
:run
:run
:explain

-- What a plan decides is left to the one plan: LIMIT, also behind views, windows, samples.
\set job limits
\set query 'SELECT x FROM source WHERE tells(x) LIMIT 990'
:run
:explain
\set job view
\set query 'SELECT x FROM shown WHERE tells(x)'
:run
:explain
\set job windows
\set query 'SELECT x, row_number() OVER () AS n FROM source WHERE tells(x)'
:run
:explain
\set job sample
\set query 'SELECT x FROM source TABLESAMPLE BERNOULLI (100) REPEATABLE (1) WHERE tells(x)'
:run
:explain
\set job distinct
\set query 'SELECT DISTINCT ON (x % 10) x FROM source WHERE tells(x)'
:run
:explain

SET client_min_messages = warning;
DROP SCHEMA identity_apart CASCADE;
