-- What inline_d.sql computes, as one statement.
\ir start.sql
CREATE TABLE result AS
SELECT q.id, q.x, q.t, :f(q.x) AS y
FROM (SELECT id, x, t FROM :source WHERE x IS NOT NULL AND id > 0 AND x <> -1 AND t <> '') q;
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
