-- Five trivial queries and a map, all inlined, and a step that reads them.
\set input 'SELECT * FROM ' :source
\set udf :f '(x) AS y'
SET checkpoint.materialize = default_off;
SELECT checkpoint.begin_job('bench') AS job \gset
\ir start.sql
CALL checkpoint.query('q1', :'input');
CALL checkpoint.query('q2', 'SELECT * FROM q1 WHERE x IS NOT NULL');
CALL checkpoint.query('q3', 'SELECT id, x, t FROM q2 WHERE id > 0');
CALL checkpoint.query('q4', 'SELECT * FROM q3 WHERE x <> -1');
CALL checkpoint.query('q5', 'SELECT * FROM q4 WHERE t <> ''''');
CALL checkpoint.map('m', 'SELECT * FROM q5', :'udf');
CALL checkpoint.query('result', 'SELECT * FROM m', materialized => true);
\ir stop.sql
SELECT checkpoint.end_job() \gset
SELECT checkpoint.output('result', job => :job) AS result \gset
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM :result;
