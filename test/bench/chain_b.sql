-- The steps of chain_d.sql as loops over ranges, one after the other.
DROP TABLE IF EXISTS chain1, chain2, chain3;
\set rows1 'SELECT s.*, ' :f '(s.x) AS y1 FROM ' :source ' s'
\set rows2 'SELECT s.*, ' :f '(s.y1) AS y2 FROM chain1 s'
\set rows3 'SELECT s.*, ' :f '(s.y2) AS y3 FROM chain2 s'
\set rows4 'SELECT s.*, ' :f '(s.y3) AS y FROM chain3 s'
\ir start.sql
CALL loop_ranges(:'source', :'rows1', :batch);
ALTER TABLE result RENAME TO chain1; DROP TABLE processed;
CALL loop_ranges('chain1', :'rows2', :batch);
ALTER TABLE result RENAME TO chain2; DROP TABLE processed;
CALL loop_ranges('chain2', :'rows3', :batch);
ALTER TABLE result RENAME TO chain3; DROP TABLE processed;
CALL loop_ranges('chain3', :'rows4', :batch);
\ir stop.sql
SELECT 'check', format('%s/%s', count(*), sum(y)) FROM result;
DROP TABLE chain1, chain2, chain3;
