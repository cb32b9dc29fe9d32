--
-- Where Citus keeps rows elsewhere, a table's file does not tell what it holds.  Its
-- catalog is all that is asked: here a table of that name stands for it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA distributed_tables;
SET search_path = distributed_tables;
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
CREATE UNIQUE INDEX pg_dist_partition_logical_relid_index ON pg_catalog.pg_dist_partition (logicalrelid);
RESET allow_system_table_mods;
CREATE TABLE source AS SELECT g AS x FROM generate_series(1, 100) g;
CREATE TABLE source_of_others AS TABLE source;

-- Its rows are read each time.  (The job finds out that they are the same.)
CREATE FUNCTION action(step text) RETURNS text LANGUAGE sql AS
	'SELECT s.action || '': '' || s.reason FROM checkpoint.steps s WHERE s.step = $1 ORDER BY s.job_id DESC LIMIT 1';
CREATE FUNCTION seen(x int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF x = 1 THEN
		RAISE NOTICE 'rows are read';
	END IF;
	RETURN true;
END $$;
\set run 'SELECT checkpoint.begin_job(\'reads\'); CALL checkpoint.map(\'m\', \'SELECT x FROM source WHERE seen(x)\', \'x + 1 AS y\'); SELECT checkpoint.end_job();'
INSERT INTO pg_dist_partition VALUES ('source_of_others');
:run
:run
INSERT INTO pg_dist_partition VALUES ('source');
:run
SELECT action, reason FROM checkpoint.explain_job('reads');

-- Rule 15: an output that was distributed is none any more.
INSERT INTO pg_dist_partition SELECT output_table FROM checkpoint.checkpoints;
:run
SELECT action('m');

-- So is an unfinished one.
SET test.fails = 'on';
CREATE FUNCTION half(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x > 50 AND current_setting('test.' || 'fails')::bool THEN
		RAISE 'half done';
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('half');
CALL checkpoint.map('m', 'SELECT x FROM source', 'half(x) AS y');
INSERT INTO pg_dist_partition SELECT output_table FROM checkpoint.checkpoints WHERE job = 'half';
SET test.fails = 'off';
SELECT checkpoint.begin_job('half');
CALL checkpoint.map('m', 'SELECT x FROM source', 'half(x) AS y');
SELECT checkpoint.end_job();

-- While a step runs, it ends the step.
CREATE FUNCTION distributes(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 50 THEN
		INSERT INTO pg_catalog.pg_dist_partition
		SELECT c.output_table FROM checkpoint.checkpoints c WHERE c.job = 'distributes'
		ON CONFLICT DO NOTHING;
	END IF;
	RETURN x;
END $$;
SET checkpoint.commit_interval = 1;
SELECT checkpoint.begin_job('distributes');
CALL checkpoint.map('m', 'SELECT x FROM source', 'distributes(x) AS y');
RESET checkpoint.commit_interval;
SELECT status FROM checkpoint.jobs WHERE name = 'distributes';

-- In sub-selects of the function they would have all of it planned elsewhere.
SELECT checkpoint.begin_job('sub-selects');
CALL checkpoint.map('m', 'SELECT x FROM source', '(SELECT max(x) FROM source) AS y');
CALL checkpoint.gen('g', 'SELECT x FROM source', 'x, x > (SELECT count(*) FROM (SELECT FROM source LIMIT 3) s) AS y');
SELECT checkpoint.end_job();

-- A published table that somebody distributed: its rows have no tids that count, so
-- that all are replaced if any differs, by the owner's statements.
CREATE TABLE public_rows (x int PRIMARY KEY, y int);
INSERT INTO pg_dist_partition VALUES ('public_rows');
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '%', TG_OP;
	RETURN NULL;
END $$;
CREATE TRIGGER noted BEFORE INSERT OR UPDATE OR DELETE ON public_rows EXECUTE FUNCTION noted();
SELECT checkpoint.begin_job('publishes');
CALL checkpoint.save('public_rows', 'SELECT x, x AS y FROM source WHERE x < 4', as_table => true, step => 'first');
CALL checkpoint.save('public_rows', 'SELECT x, 10 * x AS y FROM source WHERE x IN (2, 3, 4)', as_table => true, step => 'second');
CALL checkpoint.save('public_rows', 'SELECT x, 10 * x AS y FROM source WHERE x BETWEEN 2 AND 4', as_table => true, step => 'third');
SELECT * FROM public_rows ORDER BY x;
CALL checkpoint.save('public_rows', 'SELECT x, x AS y FROM source WHERE x > 1000', as_table => true, step => 'none');
SELECT checkpoint.end_job();
SELECT count(*) FROM public_rows;

-- What a result is shown by is made on this server only, and the setting stays.
CREATE FUNCTION propagates() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '%: propagation is %', TG_TAG, current_setting('citus.enable_ddl_propagation', true);
END $$;
CREATE EVENT TRIGGER propagates ON ddl_command_start WHEN TAG IN ('CREATE VIEW', 'CREATE TABLE AS', 'DROP VIEW', 'DROP TABLE')
EXECUTE FUNCTION distributed_tables.propagates();
SELECT checkpoint.begin_job('shows');
CALL checkpoint.save('without', 'SELECT x FROM source');
SET citus.enable_ddl_propagation = on;
CALL checkpoint.save('shown', 'SELECT x FROM source');
CALL checkpoint.save('shown', 'SELECT x::bigint FROM source', step => 'another');
CALL checkpoint.save('made', 'SELECT x FROM source', as_table => true);
SELECT checkpoint.end_job();
SHOW citus.enable_ddl_propagation;
SELECT checkpoint.unpublish('shown');
-- (a table may have been distributed, and goes everywhere)
SELECT checkpoint.unpublish('made');
RESET citus.enable_ddl_propagation;
DROP EVENT TRIGGER propagates;

-- Sums of hashes of rows, by which such tables are compared.
SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(x))) = (SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(x)))
	FROM (SELECT x FROM source ORDER BY x DESC) s) AS same FROM source;
SELECT checkpoint._hash_sum(NULL) FROM source WHERE false;
SELECT count(DISTINCT h) FROM (SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(x))) AS h FROM source GROUP BY x) s;
SELECT checkpoint._hash_sum_combine('\x00', NULL);
SELECT checkpoint._hash_sum_trans(checkpoint._hash_sum_combine(NULL, NULL), gen_random_uuid()) IS NOT NULL AS outside_of_an_aggregate;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(x))) AS parallel FROM source \gset
EXPLAIN (COSTS OFF) SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(x))) FROM source;
SET max_parallel_workers_per_gather = 0;
SELECT checkpoint._hash_sum(checkpoint._row_hash(ROW(x))) = :'parallel' AS same FROM source;

SET client_min_messages = warning;
SET allow_system_table_mods = on;
DROP TABLE pg_catalog.pg_dist_partition;
DROP SCHEMA distributed_tables CASCADE;
