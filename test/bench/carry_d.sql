DROP TABLE IF EXISTS changing;
CREATE TABLE changing AS SELECT * FROM :source;
\set udf :f '(x) AS y'
SELECT checkpoint.begin_job('bench') AS job \gset
CALL checkpoint.map('m', input => 'SELECT * FROM changing', udf => :'udf');
SELECT checkpoint.end_job() \gset
\ir :change
SELECT checkpoint.begin_job('bench') AS job \gset
\ir start.sql
CALL checkpoint.map('m', input => 'SELECT * FROM changing', udf => :'udf');
\ir stop.sql
SELECT checkpoint.end_job() \gset
SELECT checkpoint.output('m', job => :job) AS result \gset
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM :result;
