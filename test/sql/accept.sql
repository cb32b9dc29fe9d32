--
-- Rule 10: on_code_change => 'accept' is for a change of code that cannot change a
-- result: a finished step is reused, too, and its rows from then on count as of
-- the new code as well as of the old one.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA accept;
SET search_path = accept;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('accept.calls') - 1;
BEGIN
	PERFORM setval('accept.calls', 1, false);
	RETURN n;
END $$;
-- What f gives says which version of it was called; it fails at test.fails_on.
CREATE PROCEDURE version(version text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION accept.f(x int) RETURNS text LANGUAGE plpgsql AS %L', format('
BEGIN
	IF x = current_setting(''test.'' || ''fails_on'')::int THEN
		RAISE ''failed on %%'', x;
	END IF;
	PERFORM nextval(''accept.calls'');
	RETURN %L || x;
END', version));
END $$;
CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
-- Says what explain_job says, runs, and says how many calls that were, and whether
-- both have told the same.
CREATE PROCEDURE run(job text, on_code_change text = 'continue', cache_version text = NULL) LANGUAGE plpgsql AS $$
DECLARE
	expected text;
	done text;
	results text;
BEGIN
	UPDATE checkpoint.step s SET on_code_change = run.on_code_change, cache_version = coalesce(run.cache_version, run.job) FROM checkpoint.job j
	WHERE j.job_id = s.job_id AND j.name = run.job;
	BEGIN
		SELECT concat_ws(', ', action, rows_kept, rows_to_compute, reason) INTO expected FROM checkpoint.explain_job(job);
	EXCEPTION WHEN undefined_object THEN
	END;
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', on_code_change => on_code_change,
		cache_version => coalesce(cache_version, job));
	EXECUTE format('SELECT string_agg(y, '' '' ORDER BY x) FROM %s', checkpoint.output('m')) INTO results;
	PERFORM checkpoint.end_job();
	SELECT concat_ws(', ', action, rows_kept, rows_computed, reason) INTO done FROM checkpoint.steps WHERE steps.job = run.job
	ORDER BY job_id DESC LIMIT 1;
	RAISE NOTICE '% calls: %', accept.calls(), results;
	IF expected <> done THEN
		RAISE NOTICE 'explain_job has said: %', expected;
	END IF;
END $$;
SET test.fails_on = 0;

CALL version('a');
CALL run('j');
CALL version('b');
CALL run('j', 'accept');
SELECT action, reason FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;
-- from then on it is reused with both
CALL run('j');
CALL version('a');
CALL run('j');
CALL version('b');
CALL run('j');
-- and carried over from, with both
INSERT INTO source VALUES (11);
CALL run('j');
CALL version('a');
INSERT INTO source VALUES (12);
CALL run('j');
-- but only in its run group
CALL version('b');
DELETE FROM source WHERE x > 10;
CALL run('elsewhere', cache_version => 'j');
-- What was not accepted is computed.
CALL version('c');
CALL run('j');
-- recompute is for rows that other code has computed, accepted or not.
CALL version('a');
CALL run('recompute');
CALL version('b');
CALL run('recompute', 'accept');
CALL run('recompute', 'recompute');

-- The input has changed, too.
CALL version('a');
CALL run('both');
CALL version('b');
INSERT INTO source VALUES (11);
CALL run('both', 'accept');
CALL run('both');
INSERT INTO source VALUES (12);
CALL run('both');
DELETE FROM source WHERE x > 10;

-- An unfinished step is continued.
CALL version('a');
SET test.fails_on = 6;
CALL run('unfinished', 'accept');
CALL version('b');
SET test.fails_on = 0;
CALL run('unfinished', 'accept');

-- cache_version is part of the code.
CALL version('a');
CALL run('version', cache_version => '1');
CALL run('version', 'accept', cache_version => '2');
CALL run('version', cache_version => '2');

-- What one run group has accepted of a result does not count in another that has
-- reused the result.
CALL version('a');
CALL run('accepts', cache_version => 'both');
CALL run('reuses', cache_version => 'both');
CALL version('b');
CALL run('accepts', 'accept', cache_version => 'both');
INSERT INTO source VALUES (11);
CALL run('reuses', cache_version => 'both');
CALL run('accepts', cache_version => 'both');
DELETE FROM source WHERE x > 10;

-- Nor does it count in that whose result it is.
CALL version('a');
CALL run('computed its', cache_version => 'its');
CALL run('accepted its', cache_version => 'its');
CALL version('b');
CALL run('accepted its', 'accept', cache_version => 'its');
CALL run('computed its', cache_version => 'its');

-- What the step has only used, and another step of the group computed, is accepted, too.
CREATE PROCEDURE two() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('two');
	CALL checkpoint.map('one', 'SELECT x FROM source WHERE x < 4 ORDER BY x', 'f(x) AS y', cache_version => 'two');
	CALL checkpoint.map('again', 'SELECT x FROM source WHERE x < 4', 'f(x) AS y', cache_version => 'two');
	PERFORM checkpoint.end_job();
END $$;
CALL version('a');
CALL two();
CALL version('b');
SELECT checkpoint.begin_job('two') AS job \gset
CALL checkpoint.map('again', 'SELECT x FROM source WHERE x < 4', 'f(x) AS y', on_code_change => 'accept', cache_version => 'two');
SELECT checkpoint.end_job();
-- and from then on counts
SELECT checkpoint.begin_job('two') AS job \gset
CALL checkpoint.map('again', 'SELECT x FROM source WHERE x < 4', 'f(x) AS y', cache_version => 'two');
SELECT checkpoint.end_job();
SELECT calls();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA accept CASCADE;
