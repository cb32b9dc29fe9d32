--
-- Rule 14: prune() drops what has expired or was replaced, tables and record of each
-- together, and nothing that somebody needs.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_other;
CREATE SCHEMA pruned;
SET search_path = pruned;
RESET client_min_messages;
\set VERBOSITY terse
\pset format unaligned

CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
-- run runs a job of one step.
CREATE PROCEDURE run(job text, udf text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT x FROM pruned.source', udf);
	PERFORM checkpoint.end_job();
END $$;
GRANT USAGE ON SCHEMA pruned TO PUBLIC;
GRANT SELECT ON source TO PUBLIC;
-- later makes so much time pass.
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - span, created_at = created_at - span;
	UPDATE checkpoint.job SET started_at = started_at - span, ended_at = ended_at - span;
$$;
-- prune prunes; sizes are of no interest.
CREATE PROCEDURE prune() LANGUAGE plpgsql AS $$
DECLARE
	dropped bigint;
	bytes bigint;
BEGIN
	CALL checkpoint.prune(dropped, bytes);
	RAISE WARNING '% dropped', dropped || CASE WHEN (bytes > 0) = (dropped > 0) THEN '' ELSE ', of no size' END;
END $$;
CREATE VIEW kept AS SELECT job, step, state, owner FROM checkpoint.checkpoints ORDER BY checkpoint_id;
CREATE VIEW data_tables AS SELECT relname FROM pg_class
WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r' ORDER BY 1;
-- traces counts what is on record of no checkpoint.
CREATE FUNCTION traces() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (SELECT checkpoint_id FROM checkpoint.code_version UNION ALL
		SELECT checkpoint_id FROM checkpoint.work UNION ALL SELECT checkpoint_id FROM checkpoint.processed UNION ALL
		SELECT checkpoint_id FROM checkpoint.error UNION ALL SELECT checkpoint_id FROM checkpoint.suspect) t
	WHERE checkpoint_id NOT IN (SELECT checkpoint_id FROM checkpoint.checkpoint)
$$;
SET client_min_messages = warning;

-- Nothing to do.
CALL checkpoint.prune();

-- Expired: tables and records go, and their sizes are told.
CALL run('one', 'x + 1 AS y');
SELECT sum(bytes) AS size FROM checkpoint.checkpoints \gset
CALL checkpoint.prune();
SELECT later('29 days');
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped, :bytes = :size AS same_size;
TABLE kept;
TABLE data_tables;
SELECT traces();
-- the history stays
SELECT name, status FROM checkpoint.jobs;
SELECT step, action, output_table FROM checkpoint.steps;

-- Published, pinned, or used by a running job, it stays.
SELECT checkpoint.begin_job('published') > 0 AS begun;
CALL checkpoint.save('pruned.target', 'SELECT x FROM source');
SELECT checkpoint.end_job();
CALL run('pinned', 'x + 2 AS y');
SELECT checkpoint.pin(checkpoint_id, 'golden') FROM checkpoint.checkpoints WHERE job = 'pinned';
CALL run('expired', 'x + 3 AS y');
SELECT checkpoint.begin_job('running') > 0 AS begun;
CALL checkpoint.map('m', 'SELECT x FROM source', 'x + 4 AS y');
SELECT later('29 days');
SELECT job, expires_at < now() AS expired FROM checkpoint.checkpoints ORDER BY checkpoint_id;
CALL prune();
TABLE kept;
SELECT count(*) FROM target;
CALL checkpoint.query('q', 'SELECT count(*) FROM m');
SELECT checkpoint.end_job();
SELECT later('29 days');
SELECT checkpoint.unpin(checkpoint_id) FROM checkpoint.checkpoints WHERE pinned;
CALL prune();
TABLE kept;
-- not published any more
CREATE OR REPLACE VIEW target AS SELECT x FROM source;
CALL prune();
TABLE kept;
TABLE data_tables;
SELECT traces();

-- Somebody's view or foreign key needs a table: it stays, and its record.
CALL run('view', 'x + 1 AS y');
CALL run('key', 'x + 2 AS y');
CALL run('expired', 'x + 3 AS y');
SELECT output_table AS view_table FROM checkpoint.steps WHERE job = 'view' \gset
SELECT output_table AS key_table FROM checkpoint.steps WHERE job = 'key' \gset
CREATE VIEW on_table AS SELECT y FROM :view_table;
ALTER TABLE :key_table ADD PRIMARY KEY (sys__id);
CREATE TABLE refers (id bigint REFERENCES :key_table);
SELECT later('29 days');
SELECT job, expires_at < now() AS expired FROM checkpoint.checkpoints ORDER BY checkpoint_id;
-- end_job says nothing of it
SET client_min_messages = notice;
SELECT checkpoint.begin_job('other') > 0 AS begun;
SELECT checkpoint.end_job();
\set VERBOSITY default
CALL prune();
\set VERBOSITY terse
SET client_min_messages = warning;
TABLE kept;
SELECT count(*) FROM on_table;
DROP VIEW on_table;
DROP TABLE refers;
CALL prune();
TABLE kept;

-- Replaced: computed anew.  Where a view shows it, it has to stay.
DROP VIEW target;
SELECT checkpoint.begin_job('anew') > 0 AS begun;
CALL checkpoint.save('pruned.target', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('anew', fresh => true) > 0 AS begun;
CALL checkpoint.query('pruned.target', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
CALL prune();
TABLE kept;
DROP VIEW target;
CALL prune();
TABLE kept;
CALL checkpoint.drop_job('anew');

-- In a transaction block, or in a function, all of it is part of the transaction.
CALL run('one', 'x + 1 AS y');
CALL run('two', 'x + 2 AS y');
SELECT later('29 days');
BEGIN;
SAVEPOINT s;
CALL prune();
TABLE kept;
ROLLBACK TO s;
TABLE kept;
CALL prune();
ROLLBACK;
TABLE kept;
DO $$
DECLARE d bigint; b bigint;
BEGIN
	CALL checkpoint.prune(d, b);
	RAISE WARNING '% dropped', d;
END $$;
TABLE kept;
BEGIN ISOLATION LEVEL SERIALIZABLE;
CALL prune();
COMMIT;
SET default_transaction_isolation = 'repeatable read';
CALL prune();
RESET default_transaction_isolation;
SET default_transaction_read_only = on;
CALL prune();
RESET default_transaction_read_only;

-- Each role prunes its own, members of it too, and superusers all.
CREATE ROLE regress_pruner;
SET ROLE regress_pruner;
CALL run('pruners', 'x + 1 AS y');
SET ROLE regress_other;
CALL run('others', 'x + 1 AS y');
RESET ROLE;
SELECT later('29 days');
SET ROLE regress_pruner;
CALL prune();
RESET ROLE;
TABLE kept;
SET ROLE regress_pruner;
CALL run('pruners', 'x + 1 AS y');
RESET ROLE;
SELECT later('29 days');
GRANT regress_pruner TO regress_other;
SET ROLE regress_other;
CALL prune();
RESET ROLE;
TABLE kept;
SET ROLE regress_pruner;
CALL run('pruners', 'x + 1 AS y');
RESET ROLE;
SELECT later('29 days');
CALL prune();
TABLE kept;
SELECT traces();

DROP SCHEMA pruned CASCADE;
DROP ROLE regress_pruner, regress_other;
