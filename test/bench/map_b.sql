\set rows 'SELECT s.*, ' :f '(s.x) AS y FROM ' :source ' s'
\ir start.sql
CALL loop_ranges(:'source', :'rows', :batch);
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
