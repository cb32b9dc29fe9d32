--
-- The collation of a column is part of its type: what compares by another one
-- is another input (rule 1) and other output columns (rule 2).
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA collations;
SET search_path = collations;
CREATE TABLE source (t text);
INSERT INTO source VALUES ('x'), ('y');

-- output columns
SELECT checkpoint.begin_job('collation') AS job \gset
CALL checkpoint.query('c', 'SELECT t COLLATE "C" AS t FROM source');
CALL checkpoint.query('posix', 'SELECT t COLLATE "POSIX" AS t FROM source');
CALL checkpoint.query('default', 'SELECT t FROM source');
CALL checkpoint.query('default again', 'SELECT t FROM source');
SELECT step, action, attcollation::regcollation AS collation
FROM checkpoint.steps JOIN pg_attribute ON attrelid = output_table AND attname = 't';

-- input columns: the function sees the collation, whatever its output has
CALL checkpoint.gen('gen c', 'SELECT t COLLATE "C" AS t FROM source', 'unnest(ARRAY[pg_collation_for(t)]) AS c');
CALL checkpoint.gen('gen posix', 'SELECT t COLLATE "POSIX" AS t FROM source', 'unnest(ARRAY[pg_collation_for(t)]) AS c');
SELECT checkpoint.output('gen posix') AS output \gset
SELECT DISTINCT c FROM :output;

-- and the expression's own
CALL checkpoint.map('expression c', 'SELECT 1 AS one', '(''x''::text COLLATE "C" < ''y'') AS lt');
CALL checkpoint.map('expression posix', 'SELECT 1 AS one', '(''x''::text COLLATE "POSIX" < ''y'') AS lt');
SELECT step, action FROM checkpoint.steps WHERE step LIKE 'expression%';

-- A view keeps its collation from one run to the next.
CALL checkpoint.save('collations.v', 'SELECT t FROM source');
SELECT checkpoint.begin_job('collation') AS job \gset
CALL checkpoint.save('collations.v', 'SELECT t || ''!'' AS t FROM source');
SELECT * FROM v ORDER BY t;
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA collations CASCADE;
