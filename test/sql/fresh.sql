--
-- Rule 5: fresh (job) and cache_enabled => false (step) ignore all that was
-- kept, compute anew, and the new result replaces the old under its key.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA fresh;
SET search_path = fresh;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 10);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('fresh.calls') - 1;
BEGIN
	PERFORM setval('fresh.calls', 1, false);
	RETURN n;
END $$;

-- The result does not follow from input and code: what is kept can be told apart.
SET test.run = 1;
SET test.fails_on = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('fresh.calls');
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN current_setting('test.' || 'run');
END $$;

CREATE FUNCTION show(step text) RETURNS TABLE (run int, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT run, count(*) FROM %s GROUP BY 1 ORDER BY 1',
		checkpoint.output(step));
END $$;

--
-- Final checkpoints.
--
SELECT checkpoint.begin_job('j');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run');
CALL checkpoint.query('q', 'SELECT current_setting(''test.run'')::int AS run');
CALL checkpoint.save('fresh.published', 'SELECT * FROM q');
SELECT checkpoint.end_job();
SELECT calls();

-- kept, though it would now be another result
SET test.run = 2;
SELECT checkpoint.begin_job('j');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('m');
SELECT checkpoint.end_job();
SELECT calls();

-- fresh: each step is computed anew
SELECT checkpoint.begin_job('j', fresh => true);
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('m');
CALL checkpoint.query('q', 'SELECT current_setting(''test.run'')::int AS run');
SELECT * FROM show('q');
CALL checkpoint.save('fresh.published', 'SELECT * FROM q');
SELECT * FROM published;
SELECT checkpoint.end_job();
SELECT calls();

-- and has replaced what was there
SET test.run = 3;
SELECT checkpoint.begin_job('j');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('m');
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('another job');
CALL checkpoint.map('another step', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('another step');
SELECT checkpoint.end_job();
SELECT calls();

-- What was replaced does not come back when the new result is lost (rule 15).
SELECT checkpoint.begin_job('j') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run');
SELECT checkpoint.output('m') AS output \gset
DROP TABLE :output;
SELECT checkpoint.begin_job('j') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('m');
SELECT checkpoint.end_job();
SELECT calls();

--
-- cache_enabled => false: the same for one step; others of the job are reused.
--
SET test.run = 4;
SELECT checkpoint.begin_job('j');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS run', cache_enabled => false);
SELECT * FROM show('m');
CALL checkpoint.map('m2', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('m2');
CALL checkpoint.query('q', 'SELECT current_setting(''test.run'')::int AS run', cache_enabled => false);
SELECT * FROM show('q');
CALL checkpoint.save('fresh.published', 'SELECT current_setting(''test.run'')::int AS run', cache_enabled => false);
SELECT * FROM published;
SELECT checkpoint.end_job();
SELECT calls();

SET test.run = 5;
SELECT checkpoint.begin_job('another job');
CALL checkpoint.map('another step', 'SELECT x FROM source', 'f(x) AS run');
SELECT * FROM show('another step');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Partial checkpoints.
--
SET test.fails_on = 8;
SET test.run = 6;
SELECT checkpoint.begin_job('p');
CALL checkpoint.map('m', 'SELECT x + 0 AS x FROM source', 'f(x) AS run, true AS partial');
SELECT calls();

-- fresh does not continue it
SET test.fails_on = 4;
SET test.run = 7;
SELECT checkpoint.begin_job('p', fresh => true);
CALL checkpoint.map('m', 'SELECT x + 0 AS x FROM source', 'f(x) AS run, true AS partial');
SELECT calls();

-- a later run continues the fresh one, not the one before
SET test.fails_on = 6;
SET test.run = 8;
SELECT checkpoint.begin_job('p');
CALL checkpoint.map('m', 'SELECT x + 0 AS x FROM source', 'f(x) AS run, true AS partial');
SELECT calls();

-- cache_enabled => false does not continue either
SET test.fails_on = 0;
SET test.run = 9;
SELECT checkpoint.begin_job('p');
CALL checkpoint.map('m', 'SELECT x + 0 AS x FROM source', 'f(x) AS run, true AS partial',
	cache_enabled => false);
SELECT * FROM show('m');
SELECT checkpoint.end_job();
SELECT calls();

SET test.fails_on = 5;
SET test.run = 10;
SELECT checkpoint.begin_job('p', fresh => true);
CALL checkpoint.map('m', 'SELECT x + 0 AS x FROM source', 'f(x) AS run, true AS partial');
SELECT calls();

-- Rules 7 and 13: what the failed fresh run computed is kept like any other's.
SELECT state, rows_processed FROM checkpoint.checkpoints WHERE job = 'p' ORDER BY checkpoint_id;

SELECT job_id, step, action, reason FROM checkpoint.steps WHERE job = 'p';

-- A fresh run that failed is continued, after a run with another input: nothing
-- comes back from before it.
SET test.fails_on = 0;
SET test.run = 11;
SELECT checkpoint.begin_job('behind');
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x < 9 ORDER BY x', 'f(x) AS run, 1 AS behind');
SELECT checkpoint.end_job();
SET test.fails_on = 4;
SET test.run = 12;
SELECT checkpoint.begin_job('behind', fresh => true);
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x < 10 ORDER BY x', 'f(x) AS run, 1 AS behind');
SELECT checkpoint.begin_job('behind');
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS run, 1 AS behind');
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('behind');
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x < 10 ORDER BY x', 'f(x) AS run, 1 AS behind');
SELECT * FROM show('m');
SELECT checkpoint.end_job();
SELECT calls();

-- One that failed and was finished with other code has replaced nothing for others:
-- what is by one version of the code serves them on.
CREATE PROCEDURE mixed(job text, version text, fresh boolean = false) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job, fresh => fresh);
	CALL checkpoint.map('m', 'SELECT x FROM fresh.source ORDER BY x', 'f(x) AS run, 1 AS mixed', cache_version => version);
	PERFORM checkpoint.end_job();
END $$;
SET test.fails_on = 0;
SET test.run = 13;
CALL mixed('mixed', 'two');
SET test.fails_on = 5;
SET test.run = 14;
CALL mixed('mixed', 'one', fresh => true);
SET test.fails_on = 0;
SET test.run = 15;
CALL mixed('mixed', 'two');
SELECT calls();
CALL mixed('other', 'two');
SELECT calls();
-- One that failed does not go on when others have finished the same since.
SET test.fails_on = 5;
SET test.run = 16;
CALL mixed('mixed', 'three', fresh => true);
SET test.fails_on = 0;
SET test.run = 17;
CALL mixed('other', 'three');
SELECT calls();
CALL mixed('mixed', 'three');
SELECT calls();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA fresh CASCADE;
