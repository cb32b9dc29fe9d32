--
-- Rule 10: an unfinished step that is continued with changed code remembers
-- which code computed which row; on_code_change says what becomes of those rows.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA code;
SET search_path = code;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 10);
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('code.calls') - 1;
BEGIN
	PERFORM setval('code.calls', 1, false);
	RETURN n;
END $$;

-- write_version makes f say which version of it was called; it fails at test.fails_on.
CREATE FUNCTION write_version(version text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace('CREATE OR REPLACE FUNCTION code.f(x int) RETURNS text LANGUAGE plpgsql AS ''
BEGIN
	PERFORM nextval(''''code.calls'''');
	IF x = current_setting(''''test.'''' || ''''fails_on'''')::int THEN
		RAISE ''''version <v> failed on %'''', x;
	END IF;
	RETURN ''''<v>'''' || x;
END''', '<v>', version);
END $$;
SELECT write_version('a');

-- how many rows each version of the code computed, in the order of their hashes' first use
CREATE FUNCTION by_code(job text) RETURNS TABLE (state text, processed bigint, versions int, rows text)
LANGUAGE sql AS $$
SELECT state, rows_processed, (SELECT count(*) FROM jsonb_object_keys(rows_by_code)),
	(SELECT string_agg(value, ' + ' ORDER BY value::int DESC) FROM jsonb_each_text(rows_by_code))
FROM checkpoint.checkpoints c WHERE c.job = by_code.job ORDER BY checkpoint_id DESC LIMIT 1
$$;
CREATE VIEW step AS SELECT action, reason, rows_kept AS kept, rows_computed AS computed
FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1;

SELECT checkpoint.begin_job('words') AS job \gset
SET test.fails_on = 0;
SELECT write_version('a');
CALL checkpoint.map('m', 'SELECT x FROM source', 'f(x) AS y', on_code_change => 'ignore');
\echo :LAST_ERROR_SQLSTATE
SELECT calls();
SELECT checkpoint.end_job();

--
-- continue, the default: rows that were computed stay.
--
SET test.fails_on = 4;
SELECT checkpoint.begin_job('continue') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT calls();
SELECT * FROM by_code('continue');
SELECT write_version('b');
SET test.fails_on = 9;
SELECT checkpoint.begin_job('continue') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT calls();
SELECT * FROM by_code('continue');
-- the hash of the version that comes last is that of the checkpoint
SELECT rows_by_code -> code_hash AS rows_of_last FROM checkpoint.checkpoints WHERE job = 'continue';
-- back to the first version: its rows are counted together
SELECT write_version('a');
SET test.fails_on = 0;
SELECT checkpoint.begin_job('continue') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y', on_code_change => 'continue');
SELECT calls();
SELECT * FROM by_code('continue');
SELECT rows_by_code -> code_hash AS rows_of_last FROM checkpoint.checkpoints WHERE job = 'continue';
SELECT checkpoint.output('m') AS output \gset
SELECT string_agg(y, ',' ORDER BY x) FROM :output;
SELECT checkpoint.end_job();
-- rule 3: a final checkpoint whose rows were computed by more than one version
-- is reused in its own run group only
SELECT checkpoint.begin_job('continue') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT calls();
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('another') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS y');
SELECT calls();
SELECT * FROM by_code('another');
SELECT checkpoint.end_job();

--
-- recompute: rows that other code computed are computed again, and only those.
--
SELECT write_version('a');
SET test.fails_on = 4;
SELECT checkpoint.begin_job('recompute') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS recompute');
SELECT calls();
-- with the same code there is nothing to compute again
SET test.fails_on = 6;
SELECT checkpoint.begin_job('recompute') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS recompute', on_code_change => 'recompute');
SELECT calls();
SELECT * FROM by_code('recompute');
SELECT write_version('b');
SET test.fails_on = 8;
SELECT checkpoint.begin_job('recompute') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS recompute', on_code_change => 'recompute');
SELECT calls();
SELECT * FROM step;
SELECT * FROM by_code('recompute');
SELECT output_table AS output FROM checkpoint.checkpoints WHERE job = 'recompute' \gset
SELECT string_agg(recompute, ',' ORDER BY x) FROM :output;
-- two versions, of which the second is the present one: its rows are kept
SELECT write_version('c');
SET test.fails_on = 10;
SELECT checkpoint.begin_job('recompute') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS recompute');
SELECT calls();
SELECT * FROM by_code('recompute');
SET test.fails_on = 0;
SELECT checkpoint.begin_job('recompute') AS job \gset
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS recompute', on_code_change => 'recompute');
RESET client_min_messages;
SELECT calls();
-- it says why it computes what it had before
SELECT action, kept, computed, reason LIKE '%changed%' AS says_why FROM step;
SELECT * FROM by_code('recompute');
SELECT checkpoint.output('m') AS output \gset
SELECT string_agg(recompute, ',' ORDER BY x), count(DISTINCT sys__id) FROM :output;
SELECT checkpoint.end_job();
-- computed by one version, it serves other jobs
SELECT checkpoint.begin_job('yet another') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS recompute');
SELECT calls();
SELECT checkpoint.end_job();

-- gen
SELECT write_version('a');
SET test.fails_on = 4;
SELECT checkpoint.begin_job('recompute gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'unnest(ARRAY[f(x), ''g'']) AS y');
SELECT calls();
SELECT write_version('b');
SET test.fails_on = 6;
SELECT checkpoint.begin_job('recompute gen') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'unnest(ARRAY[f(x), ''g'']) AS y');
SELECT calls();
SELECT * FROM by_code('recompute gen');
SET test.fails_on = 0;
SELECT checkpoint.begin_job('recompute gen') AS job \gset
SET client_min_messages = warning;
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'unnest(ARRAY[f(x), ''g'']) AS y', on_code_change => 'recompute');
RESET client_min_messages;
SELECT calls();
SELECT * FROM by_code('recompute gen');
SELECT checkpoint.output('g') AS output \gset
SELECT string_agg(y, ',' ORDER BY sys__input_id, y), count(DISTINCT sys__id) FROM :output;
SELECT checkpoint.end_job();

--
-- restart: all rows are computed again, if the code has changed.
--
SELECT write_version('a');
SET test.fails_on = 4;
SELECT checkpoint.begin_job('restart') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS restart');
SELECT calls();
SET test.fails_on = 6;
SELECT checkpoint.begin_job('restart') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS restart', on_code_change => 'restart');
SELECT calls();
SELECT write_version('b');
SET test.fails_on = 8;
SELECT checkpoint.begin_job('restart') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS restart', on_code_change => 'restart');
SELECT calls();
SELECT * FROM step;
SELECT * FROM by_code('restart');
-- that one goes on
SET test.fails_on = 0;
SELECT checkpoint.begin_job('restart') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS restart', on_code_change => 'restart');
SELECT calls();
SELECT * FROM by_code('restart');
SELECT checkpoint.output('m') AS output \gset
SELECT string_agg(restart, ',' ORDER BY x) FROM :output;
SELECT checkpoint.end_job();
-- what was superseded is gone
SELECT count(*) FROM checkpoint.checkpoints WHERE job = 'restart';

--
-- cache_version is part of the code: rule 2.
--
SELECT write_version('a');
SET test.fails_on = 4;
SELECT checkpoint.begin_job('version') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS version', cache_version => '1');
SELECT calls();
SET test.fails_on = 0;
SELECT checkpoint.begin_job('version') AS job \gset
SET client_min_messages = warning;
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS version', cache_version => '2', on_code_change => 'recompute');
RESET client_min_messages;
SELECT calls();
SELECT action, kept, computed, reason LIKE '%changed%' AS says_why FROM step;
SELECT checkpoint.end_job();

--
-- The function is replaced while the step runs, by another row's call: what is
-- computed from then on, or rather from the next transaction on, is noted as of
-- the new code, and no row is computed twice.
--
CREATE FUNCTION changes(x int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF x = 5 THEN
		PERFORM code.write_version('d');
	END IF;
	RETURN NULL;
END $$;
SELECT write_version('c');
SET checkpoint.commit_interval = 0;
SELECT checkpoint.begin_job('meanwhile') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'changes(x), f(x) AS y');
SELECT calls() >= 10 AS called;
SELECT checkpoint.output('m') AS output \gset
SELECT count(*), count(DISTINCT x), min(y) FILTER (WHERE x < 5), min(y) FILTER (WHERE x > 8) FROM :output;
SELECT state, processed FROM by_code('meanwhile');
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA code CASCADE;
