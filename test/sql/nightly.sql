--
-- Rule 14, replaced: of a chain of final checkpoints of one step each of which took
-- most of its rows from the one before, all but the last two go.  And history goes
-- when it is old and nothing refers to it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA nightly;
SET search_path = nightly;
\set VERBOSITY terse
\pset format unaligned

CREATE TABLE docs AS SELECT i AS id, 'text ' || i AS txt FROM generate_series(1, 100000) i;
-- night changes one percent of the rows and runs the job.
CREATE PROCEDURE night(n int) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE docs SET txt = 'night ' || n || ' ' || id WHERE id % 100 = n;
	PERFORM checkpoint.begin_job('nightly');
	CALL checkpoint.map('embed', 'SELECT id, txt FROM docs', 'length(txt) AS len');
	PERFORM checkpoint.end_job();
END $$;
-- later makes so much time pass.
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql AS $$
	UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - span, created_at = created_at - span;
	UPDATE checkpoint.job SET started_at = started_at - span, ended_at = ended_at - span;
$$;
CREATE VIEW kept AS SELECT checkpoint_id, state, rows_total FROM checkpoint.checkpoints ORDER BY 1;

SELECT format('CALL night(%s)', i) FROM generate_series(1, 10) i \gexec
SELECT action, rows_kept, rows_computed FROM checkpoint.steps ORDER BY job_id;
TABLE kept;
SELECT count(*) AS tables, sum(pg_total_relation_size(oid)) < 3 * pg_total_relation_size('docs') AS small
FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r';
-- the ledger does not grow either
SELECT count(DISTINCT checkpoint_id) FROM checkpoint.processed;

-- Who holds a link of the chain keeps it; it goes when he lets it go.
SELECT checkpoint.pin(9, 'night nine');
CALL night(11);
CALL night(12);
CALL night(13);
TABLE kept;
-- and it serves
SELECT checkpoint_id FROM checkpoint.checkpoint WHERE replaced;
SELECT checkpoint.unpin(9);
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped;
TABLE kept;

-- Another step, or most rows from elsewhere, is no chain.
TRUNCATE docs;
INSERT INTO docs SELECT i, 'month ' || i FROM generate_series(1, 1000) i;
CALL night(14);
INSERT INTO docs SELECT i, 'year ' || i FROM generate_series(1, 10000) i;
CALL night(15);
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped;
TABLE kept;

-- A result that is replaced is no link any more: what it took its rows from is the
-- last but one, and serves when its rows are back.
TRUNCATE docs;
INSERT INTO docs SELECT i, 'text ' || i FROM generate_series(1, 10) i;
CREATE FUNCTION words(id int) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 1 / (id - 4) || 'a'; END$$;
CREATE PROCEDURE redo(on_code_change text = 'continue') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('redo');
	CALL checkpoint.map('m', 'SELECT id FROM docs ORDER BY id', 'words(id) AS w', on_code_change => on_code_change);
	PERFORM checkpoint.end_job();
END $$;
CALL redo();
CREATE OR REPLACE FUNCTION words(id int) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN id || 'b'; END$$;
CALL redo();
DELETE FROM docs WHERE id = 10;
CALL redo();
-- a view holds it meanwhile, and then not
SELECT format('CREATE VIEW holds AS TABLE %s', output_table) FROM checkpoint.checkpoints
	WHERE job = 'redo' AND rows_total = 9 \gexec
CALL redo('recompute');
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped;
SELECT rows_total, rows_processed FROM checkpoint.checkpoints WHERE job = 'redo' ORDER BY checkpoint_id;
DROP VIEW holds;
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped;
INSERT INTO docs VALUES (10, 'text 10');
CALL redo();
SELECT action, rows_kept, rows_computed FROM checkpoint.steps WHERE job = 'redo' ORDER BY job_id;

-- History: jobs, with their steps, that ended long ago and that nothing refers to.
SHOW checkpoint.history_retention;
CREATE VIEW history AS SELECT count(*) AS jobs, (SELECT count(*) FROM checkpoint.steps) AS steps,
	(SELECT count(*) FROM checkpoint.jobs j WHERE rerun_of IS NOT NULL AND rerun_of NOT IN (SELECT job_id FROM checkpoint.jobs)) AS dangling
FROM checkpoint.jobs;
TABLE history;
SET client_min_messages = notice;
SELECT checkpoint.begin_job('running') > 0 AS begun;
SELECT later('364 days');
CALL checkpoint.prune() \gset
TABLE history;
SELECT later('2 days');
SET checkpoint.history_retention = -1;
CALL checkpoint.prune() \gset
TABLE history;
RESET checkpoint.history_retention;
CALL checkpoint.prune() \gset
TABLE history;
SELECT name, status FROM checkpoint.jobs;
SELECT checkpoint.end_job();
SET checkpoint.history_retention = 0;
CALL checkpoint.prune() \gset
TABLE history;
RESET checkpoint.history_retention;

-- What is pinned or published refers to the job that made it.
SELECT checkpoint.begin_job('publisher') > 0 AS begun;
CALL checkpoint.save('nightly.target', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
-- so does what shows the rows of another job
SELECT checkpoint.begin_job('shower') > 0 AS begun;
CALL checkpoint.save('nightly.target2', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('pinner') AS pinner \gset
CALL checkpoint.query('q', 'SELECT 2 AS x');
SELECT checkpoint.pin(checkpoint_id) FROM checkpoint.steps WHERE job_id = :pinner;
SELECT checkpoint.end_job();
SELECT later('3 years');
CALL checkpoint.prune() \gset
SELECT name FROM checkpoint.jobs ORDER BY job_id;
-- end_job forgets ten old runs of its own group
DO $$ BEGIN
	FOR i IN 1..12 LOOP
		PERFORM checkpoint.begin_job('often');
		PERFORM checkpoint.end_job();
	END LOOP;
END $$;
SELECT later('3 years');
SELECT checkpoint.begin_job('often') > 0 AS begun;
SELECT checkpoint.end_job();
SELECT name, count(*) FROM checkpoint.jobs GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA nightly CASCADE;
