\ir start.sql
CREATE TABLE result AS SELECT s.*, (:f(ARRAY[s.x]))[1] AS y FROM :source s;
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
