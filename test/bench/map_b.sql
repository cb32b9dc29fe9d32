\ir start.sql
CALL loop_ranges(:'source', :'f', :batch);
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
