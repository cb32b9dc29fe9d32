-- Runs the jobs of version_1_0.sql again.
SET client_min_messages = warning;
SET search_path = app;
SET ROLE regress_upgrade;
CREATE OR REPLACE FUNCTION bad(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN x;
END $$;
CREATE OR REPLACE FUNCTION many(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT generate_series(1, x);
END $$;
SELECT job_id, name, owner, status FROM checkpoint.jobs;
SELECT checkpoint_id, job, step, kind, state, owner, rows_total, rows_processed, rows_failed, rows_output,
	input_table, output_table FROM checkpoint.checkpoints;
SELECT checkpoint_id, array_agg(id) FROM checkpoint.checkpoints, checkpoint.remaining_ids(checkpoint_id) id
WHERE state = 'partial' GROUP BY 1 ORDER BY 1;
SELECT checkpoint_id, sys__id, message FROM checkpoint.errors;
SELECT step, action, rows_kept, rows_to_compute FROM checkpoint.explain_job('whole');

SELECT checkpoint.begin_job('whole');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'good(x) AS y');
CALL checkpoint.gen('g', 'SELECT x, y FROM m', 'generate_series(1, x) AS n');
CALL checkpoint.query('q', 'SELECT count(*) AS n FROM g');
-- its rows are kept, though the input is told from others in another way
CALL checkpoint.map('p', 'SELECT x FROM source ORDER BY x', 'good(x) AS z', probe => 'SELECT v FROM version');
CALL checkpoint.save('app.shown', 'SELECT y FROM m');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('half');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'good(x) AS y');
CALL checkpoint.map('b', 'SELECT x FROM source ORDER BY x', 'bad(x) AS y');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('half gen');
CALL checkpoint.gen('b', 'SELECT x FROM source ORDER BY x', 'many(x) AS y');
SELECT checkpoint.output('b') AS gen \gset
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('skip');
CALL checkpoint.map('b', 'SELECT x FROM source ORDER BY x', 'bad(x) AS skipped', on_error => 'skip');
SELECT checkpoint.end_job();

SELECT j.name AS job, s.step, s.action, s.reason, s.rows_kept, s.rows_computed, s.rows_output
FROM checkpoint.jobs j JOIN checkpoint.steps s USING (job_id) WHERE j.rerun_of IS NOT NULL ORDER BY 1, s.started_at;
SELECT job_id, name, owner, status, rerun_of FROM my_jobs JOIN checkpoint.jobs USING (job_id, name, owner, status);
SELECT sum(y) FROM shown;
SELECT count(*), sum(y) FROM :gen;
-- what was published counts as that, and what was used is read-only
SELECT target, step, job_id, checkpoint_id, as_table FROM checkpoint.published;
SELECT DISTINCT relname FROM checkpoint.steps s JOIN checkpoint.jobs j USING (job_id)
	JOIN pg_class c ON c.oid = s.output_table OR c.oid = s.input_table
WHERE j.rerun_of IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger t
	WHERE t.tgrelid = c.oid AND t.tgname = 'checkpoint_read_only' AND t.tgenabled = 'A') ORDER BY 1;
RESET ROLE;
