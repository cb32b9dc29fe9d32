-- Three thousand runs of a job, in a session that began with an empty database,
-- and the same again in one that begins with what they have left.
\set run 'SELECT unnest(ARRAY[$$SELECT checkpoint.begin_job(\'runs\')$$, $$CALL checkpoint.map(\'m\', input => \'SELECT x FROM numbers\', udf => \'trivial(x) AS y\')$$, $$SELECT checkpoint.end_job()$$]) FROM generate_series(1, $1)'
\o /dev/null
PREPARE runs (int) AS :run;
EXECUTE runs (2900) \gexec
SELECT cpu_ms() AS cpu_started \gset
EXECUTE runs (100) \gexec
SELECT cpu_ms() - :cpu_started AS before \gset
VACUUM ANALYZE;
\connect
SET client_min_messages = warning;
PREPARE runs (int) AS :run;
EXECUTE runs (20) \gexec
SELECT cpu_ms() AS cpu_started \gset
EXECUTE runs (100) \gexec
SELECT cpu_ms() - :cpu_started AS after \gset
\o
SELECT 'before', :before / 100;
SELECT 'after', :after / 100;
SELECT 'check', string_agg(DISTINCT action, ' ') FROM checkpoint.steps WHERE job_id > 1;
