DROP TABLE IF EXISTS chain1, chain2, chain3;
\ir start.sql
CREATE TABLE chain1 AS SELECT s.*, :f(s.x) AS y1 FROM :source s;
CREATE TABLE chain2 AS SELECT s.*, :f(s.y1) AS y2 FROM chain1 s;
CREATE TABLE chain3 AS SELECT s.*, :f(s.y2) AS y3 FROM chain2 s;
CREATE TABLE result AS SELECT s.*, :f(s.y3) AS y FROM chain3 s;
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
DROP TABLE chain1, chain2, chain3;
