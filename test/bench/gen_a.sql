-- The least that a result needs: what each output came from, and the output.
\ir start.sql
CREATE TABLE result AS SELECT s.id, y FROM :source s CROSS JOIN LATERAL :f(s.x) AS y;
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
