--
-- Rule 15: a checkpoint whose table is gone, or has other columns or another
-- owner, is a miss with a WARNING, never an error and never a wrong reuse.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;

CREATE SCHEMA lost;
SET search_path = lost;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 10);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('lost.calls') - 1;
BEGIN
	PERFORM setval('lost.calls', 1, false);
	RETURN n;
END $$;
SET test.fails_on = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('lost.calls');
	IF x = current_setting('test.fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;

--
-- The output of a final checkpoint.
--
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
DROP TABLE :output;
-- the views know that it is gone
SELECT step, action, output_table FROM checkpoint.steps;
SELECT step, state, output_table, bytes FROM checkpoint.checkpoints;
SELECT calls();
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
\set VERBOSITY terse
SELECT calls();

-- Each of these makes it another table.
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output ADD extra int;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output DROP x;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output RENAME y TO z;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output ALTER y TYPE text;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output RENAME TO renamed;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output SET SCHEMA lost;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output OWNER TO pg_database_owner;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT checkpoint.output('m') AS output \gset
DROP TABLE :output;
CREATE VIEW :output AS SELECT 0::bigint AS sys__id, 1 AS x, 1 AS y;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT count(*), sum(y) FROM checkpoint_data.final_m_9_output;
-- 8 runs of 10 rows
SELECT calls();
-- and the last one is a good one
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT calls();

-- What does not change the rows does not matter.
SELECT checkpoint.output('m') AS output \gset
CREATE INDEX ON :output (x);
VACUUM FULL :output;
ANALYZE :output;
SELECT checkpoint.begin_job('final') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT calls();

-- Without its table a step of this job is none, until it is run again.
SELECT checkpoint.output('m') AS output \gset
DROP TABLE :output;
SELECT checkpoint.output('m');
CALL checkpoint.query('q', 'SELECT * FROM m');
SELECT checkpoint.end_job();

--
-- The tables of a partial checkpoint.
--
SET test.fails_on = 6;
SELECT checkpoint.begin_job('partial') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS z');
SELECT output_table AS output FROM checkpoint.checkpoints WHERE state = 'partial' \gset
DROP TABLE :output;
SELECT checkpoint.begin_job('partial') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS z');
SELECT input_table AS input FROM checkpoint.checkpoints WHERE state = 'partial' AND output_table IS NOT NULL \gset
DROP TABLE :input;
SELECT calls();
SELECT checkpoint.begin_job('partial') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS z');
SELECT input_table AS input FROM checkpoint.checkpoints
WHERE state = 'partial' AND output_table IS NOT NULL AND input_table IS NOT NULL \gset
ALTER TABLE :input RENAME x TO y;
SELECT calls();
SELECT checkpoint.begin_job('partial') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS z');
SELECT calls();
-- intact at last: it is continued
SET test.fails_on = 0;
SELECT checkpoint.begin_job('partial') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS z');
SELECT calls();
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(DISTINCT sys__id), sum(z) FROM :output;
SELECT checkpoint.end_job();
-- Rule 13: those that could not be used are gone.
SELECT step, state FROM checkpoint.checkpoints WHERE job = 'partial';

-- An index that somebody made on the output of an unfinished step holds what
-- is added later, or the step is computed anew; it is never wrong.
SET test.fails_on = 6;
SELECT checkpoint.begin_job('index') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS i');
SELECT output_table AS output FROM checkpoint.checkpoints WHERE job = 'index' \gset
CREATE INDEX ON :output (x);
SET test.fails_on = 0;
SELECT checkpoint.begin_job('index') AS job \gset
SET client_min_messages = error;
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS i');
RESET client_min_messages;
SELECT checkpoint.output('m') AS output \gset
SET enable_seqscan = off;
SELECT count(*) FROM :output WHERE x = 9;
RESET enable_seqscan;
SELECT count(*) FROM :output WHERE x = 9;
SELECT checkpoint.end_job();

-- Columns whose names came back after what they held was dropped.
SELECT checkpoint.begin_job('dropped') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS d');
SELECT checkpoint.output('m') AS output \gset
ALTER TABLE :output DROP d, ADD d int;
SELECT checkpoint.begin_job('dropped') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS d');
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), sum(d) FROM :output;
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA lost CASCADE;
