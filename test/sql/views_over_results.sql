--
-- Views over result tables are respected: nothing that a user made is dropped, and
-- the table that it needs stays.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA views;
SET search_path = views;
CREATE TABLE source AS SELECT generate_series(1, 6) AS x;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;

-- Over the tables of an unfinished step, which then finishes with them.
SET test.fails_on = 4;
SELECT checkpoint.begin_job('seen') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT input_table AS input, output_table AS output FROM checkpoint.steps WHERE job_id = :job \gset
CREATE VIEW over_input AS SELECT x FROM :input;
CREATE VIEW over_output AS SELECT y FROM :output;
CREATE VIEW over_view AS SELECT count(*) AS n FROM over_input;
SET test.fails_on = 0;
SELECT checkpoint.begin_job('seen') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT (SELECT count(*) FROM over_input) AS input, (SELECT count(*) FROM over_output) AS output, n FROM over_view;

-- Over those of one that is of no more use when the step has finished with another
-- input: table and record stay, until the view is gone.
SET test.fails_on = 4;
SELECT checkpoint.begin_job('superseded') AS job \gset
CALL checkpoint.map('m', 'SELECT x, 1 AS one FROM source ORDER BY x', 'f(x) AS y');
SELECT checkpoint_id AS cp, input_table AS input, output_table AS output FROM checkpoint.steps WHERE job_id = :job \gset
CREATE VIEW over_superseded AS SELECT y FROM :output;
DELETE FROM source WHERE x = 4;
SELECT checkpoint.begin_job('superseded') AS job \gset
CALL checkpoint.map('m', 'SELECT x, 1 AS one FROM source ORDER BY x', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT count(*) FROM over_superseded;
SELECT state, output_table = :'output'::regclass AS same FROM checkpoint.checkpoints WHERE checkpoint_id = :cp;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA views CASCADE;
