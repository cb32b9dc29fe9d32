--
-- Continuing what was not finished: rules 3, 6, 7 and 13.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;

CREATE SCHEMA resume;
SET search_path = resume;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 20);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('resume.calls') - 1;
BEGIN
	PERFORM setval('resume.calls', 1, false);
	RETURN n;
END $$;

SET test.fails_on = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('resume.calls');
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x
			USING ERRCODE = 'UR001', DETAIL = 'the detail', HINT = 'the hint';
	END IF;
	RETURN x * 10;
END $$;

-- state of a job's newest checkpoints
CREATE VIEW kept AS
SELECT job, step, state, rows_total AS total, rows_processed AS processed, rows_output AS output
FROM checkpoint.checkpoints;

--
-- Rule 7: the original SQLSTATE, message, detail, hint and context reach the
-- caller, with the row's sys__id and how much is kept.
--
SET test.fails_on = 8;
SELECT checkpoint.begin_job('row') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse

-- Rule 6: rows that were computed are those that are recorded.
SELECT output_table AS output, input_table AS input, checkpoint_id
FROM checkpoint.checkpoints WHERE job = 'row' \gset
SELECT count(*), min(sys__id), max(sys__id), bool_and(y = x * 10) FROM :output;
SELECT string_agg(id::text, ',') FROM checkpoint.processed_ids(:checkpoint_id) id;
SELECT count(*), min(x), max(x) FROM :input;
SELECT calls();

-- The error comes back as long as the row fails, and nothing is called for others.
SELECT checkpoint.begin_job('row') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT calls();
SET test.fails_on = 20;
SELECT checkpoint.begin_job('row') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('row') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT calls();
-- no duplicates, no gaps
SELECT count(*), count(DISTINCT sys__id), min(sys__id), max(sys__id),
	count(DISTINCT x), bool_and(y = x * 10) AS correct
FROM :output;
SELECT checkpoint.end_job();

-- The first row fails; so does the only one.
SET test.fails_on = 1;
SELECT checkpoint.begin_job('first');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS first');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS first');
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('first');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS first');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Rule 3, same input: in another order or from a rewritten query, the tables
-- are adopted as they are.
--
SET test.fails_on = 5;
SELECT checkpoint.begin_job('order');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 1 AS n');
SELECT output_table AS output FROM checkpoint.checkpoints WHERE job = 'order' \gset
SET test.fails_on = 6;
SELECT checkpoint.begin_job('order');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x DESC', 'f(x) AS y, 1 AS n');
SELECT * FROM kept WHERE job = 'order';
SET test.fails_on = 0;
SELECT checkpoint.begin_job('order');
CALL checkpoint.map('m', 'SELECT y AS x FROM (SELECT x AS y FROM source) s', 'f(x) AS y, 1 AS n');
SELECT checkpoint.output('m') = :'output'::regclass AS same_table;
SELECT checkpoint.end_job();
-- 5, 2, 15
SELECT calls();

--
-- Rule 3: a changed output column makes a base useless; the NOTICE says so.
--
SET test.fails_on = 5;
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 2 AS n');
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('columns');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x)::bigint AS y, 2 AS n');
SELECT calls();
SELECT checkpoint.end_job();
-- Rule 13: what was not finished went when the step did.
SELECT * FROM kept WHERE job = 'columns';

-- So does another kind of step.
SET test.fails_on = 5;
SELECT checkpoint.begin_job('kind');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 3 AS n');
SET test.fails_on = 0;
SELECT checkpoint.begin_job('kind');
CALL checkpoint.gen('m', 'SELECT x FROM source', 'generate_series(1, 2) AS y');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Rule 3: every attempt is searched, not only the direct parent.
--
-- Run 1 fails in the second step, run 2 in the first, run 3 has run 1's rows.
SET test.fails_on = 12;
SELECT checkpoint.begin_job('attempts');
CALL checkpoint.map('one', 'SELECT x FROM source WHERE x < 10', 'f(x) AS y');
CALL checkpoint.map('two', 'SELECT x FROM source', 'f(x) AS y, 4 AS n');
SELECT calls();
INSERT INTO source VALUES (0);
SET test.fails_on = 0;
SELECT checkpoint.begin_job('attempts');
CALL checkpoint.map('one', 'SELECT x FROM source WHERE x < 10', 'f(x) AS y');
SELECT calls();
DELETE FROM source WHERE x = 0;
SELECT checkpoint.begin_job('attempts');
CALL checkpoint.map('one', 'SELECT x FROM source WHERE x < 10', 'f(x) AS y');
CALL checkpoint.map('two', 'SELECT x FROM source', 'f(x) AS y, 4 AS n');
SELECT checkpoint.end_job();
SELECT calls();

-- Inputs A, B, A: what was computed for A is not lost to B.
SET test.fails_on = 12;
SELECT checkpoint.begin_job('inputs');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 5 AS n');
SELECT checkpoint.begin_job('inputs');
CALL checkpoint.map('m', 'SELECT -x AS x FROM source UNION ALL SELECT 12', 'f(x) AS y, 5 AS n');
SELECT * FROM kept WHERE job = 'inputs';
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('inputs');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 5 AS n');
SELECT calls();
SELECT * FROM kept WHERE job = 'inputs';

-- Another run group has nothing of it.
SET test.fails_on = 12;
SELECT checkpoint.begin_job('group 1');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 6 AS n');
SET test.fails_on = 0;
SELECT checkpoint.begin_job('group 2');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 6 AS n');
SELECT checkpoint.end_job();
SELECT calls();
-- Rule 13: nor does its result end what group 1 has not finished; but it is found first.
SELECT * FROM kept WHERE job LIKE 'group%';
SELECT checkpoint.begin_job('group 1');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y, 6 AS n');
SELECT checkpoint.end_job();
SELECT calls();

SELECT job_id, job, step, action, reason, rows_total, rows_kept, rows_computed
FROM checkpoint.steps;

--
-- Two input rows with one sys__id are refused: the input is not what it was.
--
CREATE TABLE four AS SELECT generate_series(1, 4) AS x;
CREATE FUNCTION until_three(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x;
END $$;
SET test.fails_on = 3;
SELECT checkpoint.begin_job('doubled') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM four ORDER BY x', 'until_three(x) AS y');
SELECT input_table AS input FROM checkpoint.steps WHERE job_id = :job \gset
ALTER TABLE :input DISABLE TRIGGER checkpoint_read_only;
INSERT INTO :input SELECT * FROM :input WHERE sys__id = 4;
ALTER TABLE :input ENABLE ALWAYS TRIGGER checkpoint_read_only;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('doubled') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM four ORDER BY x', 'until_three(x) AS y');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('doubled', fresh => true) AS job \gset
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM four ORDER BY x', 'until_three(x) AS y');
RESET client_min_messages;
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(DISTINCT x) FROM :output;
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA resume CASCADE;
