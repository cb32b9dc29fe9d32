SET max_parallel_workers_per_gather = 0;
\ir start.sql
CREATE TABLE result AS SELECT k, sum(x) AS s, array_agg(x) AS xs
    FROM (SELECT x % :f AS k, x FROM :source ORDER BY 1) r GROUP BY k;
\ir stop.sql
SELECT 'check', format('%s/%s/%s', count(*), sum(s), sum(cardinality(xs))) FROM result;
