--
-- resume_from => 'step': that step and those that read it, directly or through
-- others, are computed anew; all others must be reusable as they are.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;

CREATE SCHEMA resume_from;
SET search_path = resume_from;
CREATE TABLE source AS SELECT generate_series(1, 4) AS x;
CREATE FUNCTION plus(i int) RETURNS int LANGUAGE sql AS 'SELECT i + 1';
CREATE FUNCTION failing(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF i = current_setting('test.' || 'fails_on', true)::int THEN
		RAISE 'failed on %', i;
	END IF;
	RETURN i;
END $$;
CREATE PROCEDURE run() LANGUAGE plpgsql AS $$
BEGIN
	CALL checkpoint.map('a', 'SELECT x FROM source', 'plus(x) AS y');
	CALL checkpoint.map('b', 'SELECT y FROM a', 'failing(y) AS z');
	CALL checkpoint.query('c', 'SELECT sum(z) AS s FROM b');
END $$;
\set ECHO queries

-- an unknown step, or one of another job
SELECT checkpoint.begin_job('pipeline', resume_from => 'b');
SELECT checkpoint.begin_job('pipeline') AS job \gset
CALL run();
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('pipeline', resume_from => 'nothing');
SELECT checkpoint.begin_job('other', resume_from => 'b');
SELECT checkpoint.begin_job('pipeline', resume_from => 'b', fresh => true);
SELECT name, status FROM checkpoint.jobs ORDER BY job_id;

-- from the middle: a is reused, b and c are computed
SELECT checkpoint.begin_job('pipeline', resume_from => 'b') AS job \gset
CALL run();
SELECT checkpoint.end_job();
-- from the first
SELECT checkpoint.begin_job('pipeline', resume_from => 'a') AS job \gset
CALL run();
SELECT checkpoint.end_job();

-- A step before it cannot be reused: the error says which, and what changed.
INSERT INTO source VALUES (5);
SELECT checkpoint.begin_job('pipeline', resume_from => 'b') AS job \gset
CALL run();
SELECT checkpoint.begin_job('pipeline') AS job \gset
CALL run();
SELECT checkpoint.end_job();
CREATE OR REPLACE FUNCTION plus(i int) RETURNS int LANGUAGE sql AS 'SELECT i + 2';
SELECT checkpoint.begin_job('pipeline', resume_from => 'c') AS job \gset
CALL run();
-- or it is not finished
SET test.fails_on = 7;
SELECT checkpoint.begin_job('pipeline') AS job \gset
CALL run();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('pipeline', resume_from => 'c') AS job \gset
CALL run();

-- A resumed step that fails is continued by a plain rerun.
SELECT checkpoint.begin_job('pipeline') AS job \gset
CALL run();
SELECT checkpoint.end_job();
SET test.fails_on = 6;
SELECT checkpoint.begin_job('pipeline', resume_from => 'b') AS job \gset
CALL run();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('pipeline') AS job \gset
CALL run();
SELECT checkpoint.end_job();

-- Steps that do not read it are reused, wherever they stand; those that read it by
-- way of others, and by a probe, are computed.
\set ECHO none
CREATE PROCEDURE graph(more text = NULL) LANGUAGE plpgsql AS $$
BEGIN
	CALL checkpoint.map('a', 'SELECT x FROM source', 'plus(x) AS y');
	CALL checkpoint.map('b', 'SELECT y FROM a', 'failing(y) AS z');
	CALL checkpoint.map('independent', 'SELECT y FROM a', 'failing(y) AS i');
	CALL checkpoint.query('c', 'SELECT sum(z) AS s FROM b');
	CALL checkpoint.query('d', 'SELECT s FROM c UNION ALL SELECT i FROM independent');
	CALL checkpoint.query('probed', 'SELECT 1 AS one', probe => 'SELECT count(*) FROM c');
	IF more IS NOT NULL THEN
		CALL checkpoint.query(more, 'SELECT max(y) FROM a');
	END IF;
END $$;
\set ECHO queries
SELECT checkpoint.begin_job('graph') AS job \gset
CALL graph();
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('graph', resume_from => 'b') AS job \gset
CALL graph();
SELECT checkpoint.end_job();
SELECT step, action, reason FROM checkpoint.steps WHERE job_id = :job;
-- a step that is new in the script is computed
SELECT checkpoint.begin_job('graph', resume_from => 'c') AS job \gset
CALL graph('new');
SELECT checkpoint.end_job();
-- one that cannot be reused, and comes after it: what changed
CREATE FUNCTION other(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
SELECT checkpoint.begin_job('graph', resume_from => 'a') AS job \gset
CALL graph();
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('graph', resume_from => 'b') AS job \gset
CALL checkpoint.map('a', 'SELECT x FROM source', 'plus(x) AS y');
CALL checkpoint.map('b', 'SELECT y FROM a', 'failing(y) AS z');
CALL checkpoint.map('independent', 'SELECT y FROM a', 'other(y) AS i');

-- A script that never calls the step cannot end the job: it is failed.
SELECT checkpoint.begin_job('graph', resume_from => 'c') AS job \gset
CALL checkpoint.map('a', 'SELECT x FROM source', 'plus(x) AS y');
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT status, error FROM checkpoint.jobs WHERE job_id = :job;
CALL checkpoint.map('b', 'SELECT y FROM a', 'failing(y) AS z');
SELECT checkpoint.begin_job('graph') AS next \gset
SELECT status, error FROM checkpoint.jobs WHERE job_id >= :job;
CALL graph();
SELECT checkpoint.end_job();

-- An inlined step that the resumed one does not read says by itself what is new of it.
CREATE PROCEDURE inlined(query text, udf text, from_step text = NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('inlined', resume_from => from_step);
	CALL checkpoint.map('m', query, udf, materialized => false);
	CALL checkpoint.query('n', 'SELECT sum(y) AS s FROM m');
	PERFORM checkpoint.end_job();
END $$;
CALL inlined('SELECT x FROM source', 'plus(x) * 3 AS y');
CALL inlined('SELECT x FROM source', 'plus(x) * 2 AS y', 'n');
CALL inlined('SELECT x + 1 AS x FROM source', 'plus(x) * 3 AS y', 'n');
-- so it does if it was stored, however often that is tried
CALL inlined('SELECT x FROM source', 'plus(x) AS y');
CALL inlined('SELECT x FROM source', 'plus(x) * 2 AS y', 'n');
CALL inlined('SELECT x FROM source', 'plus(x) * 2 AS y', 'n');

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA resume_from CASCADE;
