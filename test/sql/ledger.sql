--
-- What is on record of a checkpoint's rows agrees with itself, whoever wrote it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;

CREATE SCHEMA ledger;
SET search_path = ledger;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 60);

-- fails at the rows listed
SET test.bad = '{}';
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = ANY (current_setting('test.' || 'bad')::int[]) THEN
		RAISE 'failed on %', x;
	END IF;
	PERFORM pg_sleep(0.005);
	RETURN x * 10;
END $$;

-- For each writer and version of the code: the rows in its sets are as many as
-- its total says.  No row is in two sets.
CREATE VIEW sets AS
SELECT w.checkpoint_id, w.code_no, w.worker, w.rows_processed,
	(SELECT COALESCE(sum(COALESCE(bit_count(p.bits),
			LEAST(p.nranges * 8192, c.rows_total - p.range_no * 8192))), 0)
		FROM checkpoint.processed p
		WHERE (p.checkpoint_id, p.code_no, p.worker) = (w.checkpoint_id, w.code_no, w.worker)) AS in_sets
FROM checkpoint.work w JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE c.state = 'partial' OR c.mixed_code;
CREATE VIEW disagree AS
SELECT * FROM sets WHERE rows_processed <> in_sets;
CREATE VIEW counted AS
SELECT c.state, c.rows_total AS total, c.rows_processed AS processed,
	(SELECT count(*) FROM checkpoint.processed_ids(c.checkpoint_id)) AS processed_ids,
	(SELECT count(*) FROM checkpoint.remaining_ids(c.checkpoint_id)) AS remaining_ids
FROM checkpoint.checkpoints c ORDER BY checkpoint_id;
CREATE VIEW steps AS SELECT step, action, rows_kept AS kept, rows_failed AS failed
FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs);

\set VERBOSITY terse
SET client_min_messages = warning;

-- One process, then two, which go on with what the first has on record; each
-- time a row stops the run or is left in quarantine.
SET test.bad = '{21}';
SELECT checkpoint.begin_job('job') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT * FROM sets;
SELECT * FROM counted;
SET test.bad = '{30, 50}';
SELECT checkpoint.begin_job('job') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', workers => 2, on_error => 'skip');
SELECT * FROM disagree;
SELECT * FROM counted;
SELECT * FROM steps;

-- A job answers for the rows that it has put into quarantine itself.
SET test.bad = '{30, 50}';
SELECT checkpoint.begin_job('job') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y');
SELECT * FROM steps;
SELECT sys__id, attempts FROM checkpoint.errors ORDER BY sys__id;

-- Another version of the code has a set of its own, also in the checkpoint that
-- is finished; that of a checkpoint with one version is let go.
CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN x * 10 + 1;
END $$;
SELECT checkpoint.begin_job('job') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', workers => 2);
SELECT * FROM disagree;
SELECT code_no, sum(in_sets) FROM sets GROUP BY code_no ORDER BY code_no;
SELECT * FROM counted;
SELECT count(*) FROM checkpoint.errors;
SELECT checkpoint.begin_job('one version') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source WHERE x < 10', 'f(x) AS y');
SELECT count(*) FROM checkpoint.processed
WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoint.checkpoint);

-- A row that a process had claimed at a crash is computed again, and then the
-- crash is forgotten; one at two crashes with this code is not computed.
CREATE FUNCTION g(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 1 AND current_setting('test.' || 'bad') <> '{}' THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x;
END $$;
SET test.bad = '{1}';
SELECT checkpoint.begin_job('crash') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'g(x) AS y');
INSERT INTO checkpoint.suspect
SELECT checkpoint_id, id, code_hash, cache_version, crashes
FROM checkpoint.checkpoint, (VALUES (5, 1), (7, 2)) AS v (id, crashes)
WHERE job_name = 'crash';
SET test.bad = '{}';
SELECT checkpoint.begin_job('crash') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'g(x) AS y', on_error => 'skip');
SELECT * FROM steps;
SELECT sys__id, crashes FROM checkpoint.suspect;
SELECT sys__id, sqlstate FROM checkpoint.errors;
SELECT * FROM disagree;
-- with other code it is computed
CREATE OR REPLACE FUNCTION g(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
SELECT checkpoint.begin_job('crash') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'g(x) AS y', on_error => 'skip');
SELECT * FROM steps;
SELECT count(*) FROM checkpoint.suspect;

SET client_min_messages = warning;
DROP SCHEMA ledger CASCADE;
