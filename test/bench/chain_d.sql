\set input 'SELECT * FROM ' :source
\set udf1 :f '(x) AS y1'
\set udf2 :f '(y1) AS y2'
\set udf3 :f '(y2) AS y3'
\set udf :f '(y3) AS y'
SELECT checkpoint.begin_job('bench') AS job \gset
\ir start.sql
CALL checkpoint.map('m1', input => :'input', udf => :'udf1', workers => :workers);
CALL checkpoint.map('m2', input => 'SELECT * FROM m1', udf => :'udf2', workers => :workers);
CALL checkpoint.map('m3', input => 'SELECT * FROM m2', udf => :'udf3', workers => :workers);
CALL checkpoint.map('m', input => 'SELECT * FROM m3', udf => :'udf', workers => :workers);
\ir stop.sql
SELECT checkpoint.end_job() \gset
SELECT checkpoint.output('m', job => :job) AS result \gset
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM :result;
