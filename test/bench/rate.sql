-- How many calls are made in five seconds with rate => 200, by three processes,
-- beside the 1,000 that it allows.
SELECT checkpoint.begin_job('rate', fresh => true) \g /dev/null
\set ON_ERROR_STOP off
CALL checkpoint.map('s', 'SELECT x FROM generate_series(1, 2000) x', 'free(x) AS y', workers => 3,
    rate => 200, max_time => '5 s');
\set ON_ERROR_STOP on
SELECT 'off_by', abs(rows_computed / 1000.0 - 1) FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;
SELECT 'calls', rows_computed FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;
