\set input 'SELECT x % ' :f ' AS k, x FROM ' :source
SELECT checkpoint.begin_job('bench') AS job \gset
\ir start.sql
CALL checkpoint.agg('a', input => :'input', udf => 'sum(x) AS s, array_agg(x) AS xs',
                    partition_by => 'k', workers => :workers);
\ir stop.sql
SELECT checkpoint.end_job() \gset
SELECT checkpoint.output('a', job => :job) AS result \gset
SELECT 'check', format('%s/%s/%s', count(*), sum(s), sum(cardinality(xs))) FROM :result;
