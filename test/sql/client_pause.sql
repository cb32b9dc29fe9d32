--
-- Clients get no rows while their job is paused, and may give up rows that they could
-- not compute: such a step can be finished, and is final then.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA client_pause;
SET search_path = client_pause;
\set VERBOSITY terse

SELECT checkpoint.begin_job('clients') AS job \gset
SELECT checkpoint_id AS c, input_table AS i, output_table AS o
FROM checkpoint.open('m', 'map', 'SELECT x FROM generate_series(1, 4) x', 'y int', code_version => 'v1') \gset
SELECT checkpoint.pause_job(:job);
SELECT count(*) FROM checkpoint.claim(NULL::checkpoint_data.clients_m_1_input, 2, holder => 'a');
SELECT status FROM checkpoint.jobs;
SELECT checkpoint.resume_job(:job);
SELECT * FROM checkpoint.claim(NULL::checkpoint_data.clients_m_1_input, 3, holder => 'a');
-- what is claimed is computed and reported while the job is paused, too
SELECT checkpoint.pause_job(:job);
BEGIN;
INSERT INTO :o (sys__id, y) VALUES (1, 10), (3, 30);
SELECT checkpoint.mark_processed(:c, '{1, 3}');
COMMIT;
SELECT checkpoint.record_error(:c, 2, 'ABC12', 'unreadable');
SELECT input, sqlstate FROM checkpoint.errors;
SELECT checkpoint.resume_job(:job);

SELECT checkpoint.give_up(:c, 1, 'it is computed');
SELECT checkpoint.give_up(:c, 4, 'it is not computed');
SELECT checkpoint.give_up(:c, 2, 'unreadable');
SELECT count(*) FROM checkpoint.errors;
SELECT checkpoint.mark_processed(:c, '{2}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.finish(:c);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM checkpoint.claim(NULL::checkpoint_data.clients_m_1_input, 3, holder => 'a');
BEGIN;
INSERT INTO :o (sys__id, y) VALUES (4, 40), (2, 20);
SELECT checkpoint.mark_processed(:c, '{4}');
COMMIT;
-- a row that was given up has no output
SELECT checkpoint.finish(:c);
\echo :LAST_ERROR_SQLSTATE
DELETE FROM :o WHERE sys__id = 2;
SELECT checkpoint.finish(:c);
SELECT checkpoint.end_job();
SELECT state, rows_total, rows_processed, rows_failed, rows_output, rows_by_code -> 'given up' AS given_up FROM checkpoint.checkpoints;
SELECT status FROM checkpoint.jobs;
SELECT * FROM :o ORDER BY 1;

-- The next run finds it finished; with other code, the row stays given up.
SELECT 1 FROM checkpoint.begin_job('clients');
SELECT state, total, remaining
FROM checkpoint.open('m', 'map', 'SELECT x FROM generate_series(1, 4) x', 'y int', code_version => 'v1');
SELECT checkpoint.end_job();
SELECT 1 FROM checkpoint.begin_job('clients');
SELECT state, total, remaining
FROM checkpoint.open('m', 'map', 'SELECT x FROM generate_series(1, 4) x', 'y int', code_version => 'v2', reads => 'x');
SELECT x FROM checkpoint.remainder(NULL::checkpoint_data.clients_m_2_input) ORDER BY x;
SELECT checkpoint.fail_job('enough');

DROP SCHEMA client_pause CASCADE;
