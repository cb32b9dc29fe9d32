DROP TABLE IF EXISTS changing;
CREATE TABLE changing AS SELECT * FROM :source;
\ir :change
\ir start.sql
CREATE TABLE result AS SELECT s.*, :f(s.x) AS y FROM changing s;
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
