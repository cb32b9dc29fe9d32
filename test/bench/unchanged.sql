-- A step over a table that has not changed, and a pass over its rows that hashes
-- them, by turns.  What is taken is the middle of five.
\set input 'SELECT * FROM ' :source
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE taken (metric text, seconds float8);
SELECT checkpoint.begin_job('unchanged') AS job \gset
CALL checkpoint.query('q', :'input');
SELECT checkpoint.end_job() \gset
\ir unchanged_once.sql
\ir unchanged_once.sql
\ir unchanged_once.sql
\ir unchanged_once.sql
\ir unchanged_once.sql
SELECT metric, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FROM taken GROUP BY metric;
