--
-- Rule 14: nothing is dropped that clients hold rows of, also where the session that
-- began their job is gone; and what a job leaves unfinished was used until its end.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA client_kept;
SET search_path = client_kept;
\pset format unaligned
-- later makes so much time pass.
CREATE FUNCTION later(span interval) RETURNS void LANGUAGE sql AS $$
	UPDATE checkpoint.checkpoint SET last_used_at = last_used_at - span
$$;
CREATE VIEW kept AS SELECT job, state, expires_at < now() AS expired FROM checkpoint.checkpoints ORDER BY checkpoint_id;

SELECT checkpoint.begin_job('job') > 0 AS begun;
SELECT checkpoint_id AS cp, input_table
FROM checkpoint.open('s', 'map', 'SELECT generate_series(1, 10) AS x', 'y int', code_version => '1') \gset
SELECT sys__id FROM checkpoint.claim(NULL::checkpoint_data.job_s_1_input, 2, holder => 'ray worker 7');
SELECT later('1 year');
TABLE kept;
-- the session that has begun the job is gone; the worker is not
\c -
SET search_path = client_kept;
SET client_min_messages = warning;
\pset format unaligned
DO $$ BEGIN
	WHILE EXISTS (SELECT FROM checkpoint.jobs WHERE status = 'running') LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT status, error FROM checkpoint.jobs;
SELECT action, reason FROM checkpoint.steps;
SELECT holder, rows FROM checkpoint.claims;
TABLE kept;
CALL checkpoint.prune();
SELECT checkpoint.drop_checkpoint(:cp);
CALL checkpoint.drop_job('job');
-- once it has given its rows back, they go
SELECT checkpoint.release(:cp, 'ray worker 7');
TABLE kept;
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped;
SELECT count(*) FROM checkpoint.lease;

-- What clients computed for a job that failed stays counted for it when the next goes on.
CREATE VIEW counted AS SELECT job, action, rows_total, rows_kept, rows_computed, rows_failed FROM checkpoint.steps ORDER BY job_id;
SELECT checkpoint.begin_job('two') AS job \gset
SELECT checkpoint_id AS cp, output_table AS output
FROM checkpoint.open('s', 'map', 'SELECT generate_series(1, 10) AS x', 'y int', code_version => '1') \gset
INSERT INTO :output (sys__id, y) SELECT i, i FROM generate_series(1, 5) i;
SELECT checkpoint.mark_processed(:cp, ARRAY[1, 2, 3, 4, 5]), checkpoint.record_error(:cp, 6, '22012', 'x');
SELECT checkpoint.fail_job('no more');
SELECT * FROM counted WHERE job = 'two';
SELECT checkpoint.begin_job('two') > 0 AS begun;
SELECT state, remaining FROM checkpoint.open('s', 'map', 'SELECT generate_series(1, 10) AS x', 'y int', code_version => '1');
INSERT INTO :output (sys__id, y) VALUES (6, 6);
SELECT checkpoint.mark_processed(:cp, ARRAY[6]);
SELECT * FROM counted WHERE job = 'two';
-- also when the record of the checkpoint is gone
SELECT checkpoint.fail_job('no more');
SELECT checkpoint.drop_checkpoint(:cp);
SELECT * FROM counted WHERE job = 'two';

-- Failed after a long time, it counts from then.
SELECT checkpoint.begin_job('long', attach => false) AS job \gset
SELECT checkpoint_id AS cp
FROM checkpoint.open('s', 'map', 'SELECT generate_series(1, 10) AS x', 'y int', code_version => '1', job => :job) \gset
SELECT later('1 year');
CALL checkpoint.prune() \gset
SELECT :dropped AS dropped;
TABLE kept;
SELECT checkpoint.fail_job('no more', :job);
TABLE kept;

SET client_min_messages = warning;
DROP SCHEMA client_kept CASCADE;
