-- A step over an expensive query, and the same again.
\set input 'SELECT x % 1000 AS k, array_agg(t ORDER BY id) AS ts FROM ' :source ' GROUP BY 1'
SELECT checkpoint.begin_job('grouped') AS job \gset
SELECT clock_timestamp() AS started \gset
CALL checkpoint.query('q', :'input');
SELECT 'first', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT checkpoint.end_job() \gset
SELECT checkpoint.begin_job('grouped') AS job \gset
SELECT clock_timestamp() AS started \gset
CALL checkpoint.query('q', :'input');
SELECT 'rerun', extract(epoch FROM clock_timestamp() - :'started'::timestamptz);
SELECT 'check', string_agg(action, ' ') FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job() \gset
