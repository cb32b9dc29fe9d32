--
-- Rules 3 and 13: every attempt is searched for what is unfinished, not only the
-- last one; a run that failed early hides nothing.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA attempts;
SET search_path = attempts;
CREATE TABLE source AS SELECT generate_series(1, 10) AS x;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('attempts.calls') - 1;
BEGIN
	PERFORM setval('attempts.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION f(step text, x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('attempts.calls');
	IF step || x = current_setting('test.' || 'fails_on') THEN
		RAISE 'step % failed on %', step, x;
	END IF;
	RETURN x;
END $$;
CREATE VIEW kept AS
SELECT checkpoint_id, step, state, rows_processed FROM checkpoint.checkpoints ORDER BY checkpoint_id;

--
-- Run 1 fails in step b, run 2 in step a, which comes before it; run 3 still has
-- the rows of run 1.
--
SET test.fails_on = 'b6';
SELECT checkpoint.begin_job('hidden');
CALL checkpoint.map('a', 'SELECT x FROM source ORDER BY x', 'f(''a'', x) AS a');
CALL checkpoint.map('b', 'SELECT a AS x FROM a ORDER BY a', 'f(''b'', x) AS b');
SELECT calls();
INSERT INTO source VALUES (11);
SET test.fails_on = 'a11';
SELECT checkpoint.begin_job('hidden');
CALL checkpoint.map('a', 'SELECT x FROM source ORDER BY x', 'f(''a'', x) AS a');
SELECT calls();
SET test.fails_on = '';
SELECT checkpoint.begin_job('hidden');
CALL checkpoint.map('a', 'SELECT x FROM source ORDER BY x', 'f(''a'', x) AS a');
CALL checkpoint.map('b', 'SELECT a AS x FROM a ORDER BY a', 'f(''b'', x) AS b');
SELECT checkpoint.end_job();
-- a: row 11; b: rows 6 to 11
SELECT calls();
-- what was superseded is gone, what is final stays
SELECT * FROM kept;

--
-- The same with an input that did not change, and another run that did not come
-- to any step: the tables of run 1 are gone on with.
--
SET test.fails_on = 'b6';
SELECT checkpoint.begin_job('same');
CALL checkpoint.query('q', 'SELECT x, 1 AS one FROM source');
CALL checkpoint.map('b', 'SELECT x, one FROM q ORDER BY x', 'f(''b'', x) AS b');
SELECT calls();
SELECT checkpoint.begin_job('same');
CALL checkpoint.query('q', 'SELECT x, 1 / 0 AS one FROM source');
SELECT checkpoint.begin_job('same');
SELECT checkpoint.fail_job('before any step');
SET test.fails_on = '';
SELECT checkpoint.begin_job('same');
CALL checkpoint.query('q', 'SELECT x, 1 AS one FROM source');
CALL checkpoint.map('b', 'SELECT x, one FROM q ORDER BY x', 'f(''b'', x) AS b');
SELECT checkpoint.end_job();
SELECT calls();

--
-- A step that finished in run 1 is reused in run 3, whether run 2 failed before
-- it, in it or after it.
--
SELECT checkpoint.begin_job('finished');
CALL checkpoint.map('first', 'SELECT x FROM source', 'f(''f'', x) AS y');
CALL checkpoint.map('middle', 'SELECT y AS x FROM first', 'f(''m'', x) AS z');
CALL checkpoint.map('last', 'SELECT z AS x FROM middle', 'f(''l'', x) AS z');
SELECT checkpoint.end_job();
SELECT calls();
-- before it: the input is another one, and is put right again
UPDATE source SET x = -x WHERE x = 5;
SET test.fails_on = 'f-5';
SELECT checkpoint.begin_job('finished');
CALL checkpoint.map('first', 'SELECT x FROM source', 'f(''f'', x) AS y');
UPDATE source SET x = -x WHERE x = -5;
SET test.fails_on = '';
SELECT calls();
SELECT checkpoint.begin_job('finished');
CALL checkpoint.map('first', 'SELECT x FROM source', 'f(''f'', x) AS y');
CALL checkpoint.map('middle', 'SELECT y AS x FROM first', 'f(''m'', x) AS z');
CALL checkpoint.map('last', 'SELECT z AS x FROM middle', 'f(''l'', x) AS z');
SELECT checkpoint.end_job();
SELECT calls();
-- in it, and after it: with other code, which fails
SELECT checkpoint.begin_job('finished');
CALL checkpoint.map('first', 'SELECT x FROM source', 'f(''f'', x) AS y');
CALL checkpoint.map('middle', 'SELECT y AS x FROM first', 'f(''m'', x) / 0 AS z');
SELECT calls();
SELECT checkpoint.begin_job('finished');
CALL checkpoint.map('first', 'SELECT x FROM source', 'f(''f'', x) AS y');
CALL checkpoint.map('middle', 'SELECT y AS x FROM first', 'f(''m'', x) AS z');
CALL checkpoint.map('last', 'SELECT z AS x FROM middle', 'f(''l'', x) / 0 AS z');
SELECT calls();
SELECT checkpoint.begin_job('finished');
CALL checkpoint.map('first', 'SELECT x FROM source', 'f(''f'', x) AS y');
CALL checkpoint.map('middle', 'SELECT y AS x FROM first', 'f(''m'', x) AS z');
CALL checkpoint.map('last', 'SELECT z AS x FROM middle', 'f(''l'', x) AS z');
SELECT checkpoint.end_job();
SELECT calls();

--
-- Two unfinished attempts at two inputs: each is continued when its input is
-- back, the older one, too.
--
CREATE TABLE even AS SELECT x FROM source WHERE x % 2 = 0;
SET test.fails_on = 't8';
SELECT checkpoint.begin_job('two');
CALL checkpoint.map('t', 'SELECT x FROM source ORDER BY x', 'f(''t'', x) AS y, 2 AS two');
SELECT calls();
SELECT checkpoint.begin_job('two');
-- (x of 2, 4, 6 are carried over)
CALL checkpoint.map('t', 'SELECT x FROM even ORDER BY x', 'f(''t'', x) AS y, 2 AS two');
SELECT calls();
SET test.fails_on = 't9';
SELECT checkpoint.begin_job('two');
CALL checkpoint.map('t', 'SELECT x FROM source ORDER BY x', 'f(''t'', x) AS y, 2 AS two');
SELECT calls();
SELECT * FROM kept WHERE step = 't';
SET test.fails_on = '';
SELECT checkpoint.begin_job('two');
-- (x of 8, too, by now)
CALL checkpoint.map('t', 'SELECT x FROM even ORDER BY x', 'f(''t'', x) AS y, 2 AS two');
SELECT checkpoint.end_job();
SELECT calls();
-- the step is final: rule 13
SELECT * FROM kept WHERE step = 't';

--
-- A finished step, then an unfinished one of another cache_version, then the first
-- version again: what it has serves the rows that are left.
--
SET test.fails_on = '';
SELECT checkpoint.begin_job('version');
CALL checkpoint.map('v', 'SELECT x FROM even ORDER BY x', 'f(''v'', x) AS y', cache_version => '1');
SELECT checkpoint.end_job();
SELECT calls();
SET test.fails_on = 'v6';
SELECT checkpoint.begin_job('version');
CALL checkpoint.map('v', 'SELECT x FROM source ORDER BY x', 'f(''v'', x) AS y', cache_version => '2');
SELECT calls();
SET test.fails_on = '';
SELECT checkpoint.begin_job('version');
CALL checkpoint.map('v', 'SELECT x FROM source ORDER BY x', 'f(''v'', x) AS y', cache_version => '1');
SELECT checkpoint.end_job();
-- rows 7, 9 and 11
SELECT calls();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA attempts CASCADE;
