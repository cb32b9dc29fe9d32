-- Goes on where stop_at.sql stopped: the first row that is left raises again
-- and says when it was called.  auto_explain says how long a pass over the
-- input took, if there was one.
LOAD 'auto_explain';
SELECT checkpoint.begin_job('big') AS job \gset
SELECT extract(epoch FROM clock_timestamp()) AS started \gset
SET auto_explain.log_level = warning;
SET auto_explain.log_min_duration = 0;
\set ON_ERROR_STOP 0
CALL checkpoint.map('big', input => 'SELECT x FROM big', udf => 'stops(x) AS y');
\echo started at :started
