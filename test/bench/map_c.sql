\ir start.sql
CALL loop_not_exists(:'source', :'f', :batch);
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
