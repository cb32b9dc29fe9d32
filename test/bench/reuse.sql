-- Steps that read nothing but earlier steps' outputs.  In a rerun everything is
-- reused.
\set input 'SELECT * FROM ' :source
SELECT checkpoint.begin_job('reuse') AS job \gset
CALL checkpoint.query('source', :'input');
SELECT clock_timestamp() AS started \gset
CALL checkpoint.map('first', input => 'SELECT id, x FROM source', udf => 'x + 1 AS y');
CALL checkpoint.map('second', input => 'SELECT id, y FROM first', udf => 'y + 1 AS z');
SELECT 'ms_a_step', extract(epoch FROM clock_timestamp() - :'started'::timestamptz) * 1000 / 2;
-- What the connection costs: the simplest statement.
\o /dev/null
SELECT clock_timestamp() AS started \gset
SELECT 'SELECT 1' FROM generate_series(1, 100) \gexec
\o
SELECT 'ms_select_1', extract(epoch FROM clock_timestamp() - :'started'::timestamptz) * 1000 / 100;
SELECT 'check', string_agg(action, ' ') FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job() \gset
