\set input 'SELECT * FROM ' :source
\set udf :f '(x) AS y'
SELECT checkpoint.begin_job('bench') AS job \gset
\ir start.sql
CALL checkpoint.map('m', input => :'input', udf => :'udf', workers => :workers, unit_timeout => '1 h');
\ir stop.sql
SELECT checkpoint.end_job() \gset
SELECT checkpoint.output('m', job => :job) AS result \gset
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM :result;
