\set rows 'SELECT s.id, y FROM ' :source ' s CROSS JOIN LATERAL ' :f '(s.x) AS y'
\ir start.sql
CALL loop_ranges(:'source', :'rows', :batch);
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
