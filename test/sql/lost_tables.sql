--
-- Rule 15: a checkpoint whose table is gone, or has other columns, another owner,
-- another persistence, children or forced row security is a miss with a WARNING,
-- never an error and never a wrong reuse.
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
	IF x = current_setting('test.' || 'fails_on')::int THEN
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

--
-- Tables that are not plain local heaps of their own any more: the output of a
-- final checkpoint, then either table of a partial one, of which nothing is used.
--
CREATE TABLE alterations (nth int, command text, undo text);
INSERT INTO alterations VALUES
	(1, 'ALTER TABLE %s SET UNLOGGED', 'SELECT'),
	(2, 'CREATE TABLE lost.child (note text) INHERITS (%s)', 'DROP TABLE lost.child'),
	(3, 'CREATE TABLE lost.parent AS TABLE %1$s; ALTER TABLE %1$s INHERIT lost.parent',
		'ALTER TABLE %s NO INHERIT lost.parent'),
	(4, 'CREATE TABLE lost.parent (LIKE %1$s) PARTITION BY RANGE (sys__id); ALTER TABLE lost.parent ATTACH PARTITION %1$s DEFAULT',
		'ALTER TABLE lost.parent DETACH PARTITION %s'),
	(5, 'ALTER TABLE %s FORCE ROW LEVEL SECURITY', 'SELECT');
CREATE PROCEDURE run(alteration int, what text, state text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('kind');
	CALL checkpoint.map('m', 'SELECT x FROM lost.source', format('lost.f(x) AS %s_%s%s', state, what, alteration));
	PERFORM checkpoint.end_job();
END $$;
CREATE PROCEDURE alter_and_run(alteration int, what text, state text) LANGUAGE plpgsql AS $$
DECLARE
	a lost.alterations;
	t regclass;
BEGIN
	SELECT * INTO STRICT a FROM lost.alterations WHERE nth = alteration;
	SELECT CASE what WHEN 'input' THEN input_table ELSE output_table END INTO STRICT t
	FROM checkpoint.checkpoints ORDER BY checkpoint_id DESC LIMIT 1;
	EXECUTE format(a.command, t);
	COMMIT;
	PERFORM lost.calls();
	CALL lost.run(alteration, what, state);
	RAISE INFO '% after "%": % calls', state, format(a.command, what), lost.calls();
	IF EXISTS (SELECT FROM pg_class WHERE oid = t) THEN
		EXECUTE format(a.undo, t);
	END IF;
	DROP TABLE IF EXISTS lost.parent;
END $$;
SELECT format('SET test.fails_on = %s', CASE state WHEN 'partial' THEN 6 ELSE 0 END),
	format('CALL run(%s, %L, %L)', nth, what, state),
	'SET test.fails_on = 0',
	format('CALL alter_and_run(%s, %L, %L)', nth, what, state)
FROM alterations, (VALUES ('output', 'final'), ('input', 'partial'), ('output', 'partial')) v (what, state)
ORDER BY state, nth, what
\gexec

-- A final checkpoint of gen keeps its input: if that is altered, the output is
-- reused, and results are not carried over from it.
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x, x AS z FROM source', 'generate_series(1, f(x) / 10) AS n');
SELECT input_table AS input FROM checkpoint.steps WHERE job_id = :job \gset
CREATE TABLE child () INHERITS (:input);
SELECT calls();
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x, x AS z FROM source', 'generate_series(1, f(x) / 10) AS n');
SELECT calls();
SELECT checkpoint.begin_job('gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x, x AS z FROM source WHERE x < 10', 'generate_series(1, f(x) / 10) AS n');
SELECT calls();
DROP TABLE child;

-- So it is if its columns got each other's names.
SELECT checkpoint.begin_job('names') AS job \gset
CALL checkpoint.gen('names', 'SELECT x, -x AS y FROM source', 'generate_series(1, f(x) / 10) AS of_x');
SELECT input_table AS input FROM checkpoint.steps WHERE job_id = :job \gset
ALTER TABLE :input RENAME x TO z;
ALTER TABLE :input RENAME y TO x;
ALTER TABLE :input RENAME z TO y;
SELECT checkpoint.begin_job('names') AS job \gset
CALL checkpoint.gen('names', 'SELECT x, -x AS y FROM source UNION ALL SELECT -1, 1', 'generate_series(1, f(x) / 10) AS of_x');
SELECT checkpoint.output('names') AS output \gset
SELECT count(*) FROM :output;
SELECT checkpoint.end_job();

-- What a child of an output holds is not part of it: for later steps, nor for
-- what is published.  A query that reads the table by its own name has it, and
-- is not taken to be the same as without.
SELECT checkpoint.begin_job('child') AS job \gset
CALL checkpoint.query('q', 'SELECT x FROM source');
CALL checkpoint.save('lost.shown', 'SELECT x FROM source');
SELECT checkpoint.output('q') AS output \gset
CALL checkpoint.query('by name', 'SELECT count(*) FROM ' || :'output');
CREATE TABLE child () INHERITS (:output);
INSERT INTO child VALUES (1, 1);
CALL checkpoint.query('by step', 'SELECT count(*) AS n FROM q');
SELECT checkpoint.output('by step') AS n \gset
SELECT n FROM :n;
SELECT count(*) FROM shown;
CALL checkpoint.query('by name again', 'SELECT count(*) FROM ' || :'output');
SELECT checkpoint.output('by name again') AS n \gset
SELECT count FROM :n;
SELECT checkpoint.end_job();
DROP TABLE child;

-- A function that alters the table that its own results go to fails, also in the
-- last transaction of the step; what it did to the table is undone.
CREATE FUNCTION alters(x int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	t regclass;
BEGIN
	IF x = 10 THEN
		SELECT output_table INTO t FROM checkpoint.checkpoints WHERE state = 'partial' AND step = 'alters';
		EXECUTE format(current_setting('test.' || 'alters'), t);
	END IF;
	RETURN x;
END $$;
\set VERBOSITY default
SET test.alters = 'ALTER TABLE %s RENAME COLUMN y TO other';
SELECT checkpoint.begin_job('alters') AS job \gset
CALL checkpoint.map('alters', 'SELECT x FROM source', 'alters(x) AS y');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SET test.alters = 'ALTER TABLE %s RENAME TO other';
SELECT checkpoint.begin_job('alters') AS job \gset
CALL checkpoint.map('alters', 'SELECT x FROM source', 'alters(x) AS y');
SET test.alters = 'ALTER TABLE %s SET SCHEMA lost';
SELECT checkpoint.begin_job('alters') AS job \gset
CALL checkpoint.map('alters', 'SELECT x FROM source', 'alters(x) AS y');
SET test.alters = 'SELECT $$%s$$';
SELECT checkpoint.begin_job('alters') AS job \gset
CALL checkpoint.map('alters', 'SELECT x FROM source', 'alters(x) AS y');
SELECT checkpoint.output('alters') AS output \gset
SELECT count(*), sum(y) FROM :output;
SELECT checkpoint.end_job();

--
-- Tables whose rows are gone, as in a dump without them: those that had some are missed.
--
CREATE FUNCTION empty(t regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE %s DISABLE TRIGGER checkpoint_read_only', t);
	EXECUTE format('TRUNCATE %s', t);
	EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER checkpoint_read_only', t);
END $$;
CREATE FUNCTION no_rows(x int) RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC SELECT x WHERE x > 100; END;
CREATE PROCEDURE emptied(fails_on int = 0) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('test.fails_on', fails_on::text, false);
	PERFORM checkpoint.begin_job('emptied');
	CALL checkpoint.query('q', 'SELECT x FROM lost.source');
	CALL checkpoint.query('q_none', 'SELECT x FROM lost.source WHERE x > 100');
	CALL checkpoint.gen('g', 'SELECT x FROM q', 'generate_series(1, x) AS y');
	CALL checkpoint.gen('g_none', 'SELECT x FROM q', 'lost.no_rows(x) AS y');
	CALL checkpoint.agg('a', 'SELECT x, x % 2 AS odd FROM q', 'sum(x) AS s', partition_by => 'odd');
	CALL checkpoint.map('m', 'SELECT x FROM q WHERE x > 0', 'lost.f(x) AS y', cache_version => '2');
	CALL checkpoint.save('lost.shown', 'SELECT y FROM m');
	PERFORM checkpoint.end_job();
END $$;
SET client_min_messages = warning;
CALL emptied();
SELECT calls();
SELECT count(empty(output_table)) FROM checkpoint.checkpoints WHERE job = 'emptied';
SELECT count(*) FROM lost.shown;
CALL emptied();
SELECT step, action, rows_output FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs) ORDER BY started_at;
SELECT calls();
SELECT count(*) FROM lost.shown;
-- a partial checkpoint, without its output, without its input
UPDATE source SET x = x + 20;
CALL emptied(25);
SELECT empty(output_table) FROM checkpoint.checkpoints WHERE job = 'emptied' AND state = 'partial';
CALL emptied(26);
SELECT empty(input_table) FROM checkpoint.checkpoints WHERE job = 'emptied' AND state = 'partial';
CALL emptied();
SELECT count(*), min(y), max(y) FROM lost.shown;
RESET client_min_messages;

SET client_min_messages = warning;
DROP SCHEMA lost CASCADE;
