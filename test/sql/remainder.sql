--
-- The remainder in SQL: remainder, remaining_ids, processed_ids, is_processed,
-- output.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA remainder;
SET search_path = remainder;
CREATE TABLE source (x int, t text, a int[]);
INSERT INTO source SELECT n, 'row ' || n, ARRAY[n] FROM generate_series(1, 8) n;
SET test.fails_on = 0;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = current_setting('test.' || 'fails_on')::int THEN
		RAISE 'failed on %', x;
	END IF;
	RETURN x * 10;
END $$;
CREATE FUNCTION g(x int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	IF x % 2 = 0 THEN
		RETURN NEXT f(x);
	END IF;
END $$;

--
-- A partial map.
--
SET test.fails_on = 6;
SELECT checkpoint.begin_job('r') AS job \gset
CALL checkpoint.map('m', 'SELECT x, t, a FROM source ORDER BY x', 'f(x) AS y');
SELECT checkpoint_id AS cp, input_table AS input, output_table AS output
FROM checkpoint.steps WHERE step = 'm' \gset
SELECT :'input' AS input, :'output' AS output;
SELECT * FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input);
SELECT pg_typeof(r), r FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input) r;
SELECT * FROM checkpoint.remaining_ids(:cp);
SELECT * FROM checkpoint.processed_ids(:cp);
SELECT id, checkpoint.is_processed(:cp, id) FROM generate_series(1, 8) id;
-- the two halves of the input
SELECT (SELECT count(*) FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input)) +
	(SELECT count(*) FROM :output) = (SELECT count(*) FROM :input) AS whole,
	(SELECT count(*) FROM (SELECT checkpoint.remaining_ids(:cp) INTERSECT SELECT checkpoint.processed_ids(:cp)) s) AS in_both;

-- In joins, sub-selects, aggregates and limits; more than once in a query.
SELECT s.x, r.sys__id, r.t FROM source s JOIN checkpoint.remainder(NULL::checkpoint_data.r_m_1_input) r USING (x) ORDER BY x DESC;
SELECT i.x, o.y FROM :input i LEFT JOIN :output o USING (sys__id) WHERE i.sys__id IN (SELECT checkpoint.remaining_ids(:cp)) ORDER BY 1;
SELECT i.x FROM :input i WHERE NOT checkpoint.is_processed(:cp, i.sys__id) ORDER BY 1;
SELECT sum(x), string_agg(t, ',' ORDER BY x) FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input);
SELECT a.x, b.x AS next FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input) a
	JOIN checkpoint.remainder(NULL::checkpoint_data.r_m_1_input) b ON b.x = a.x + 1 ORDER BY 1;
SELECT x FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input) ORDER BY x LIMIT 1;
SELECT (checkpoint.remainder(NULL::checkpoint_data.r_m_1_input)).x;
SELECT checkpoint.remaining_ids(:cp) LIMIT 1;
SELECT s.step, count(id) FROM checkpoint.steps s, LATERAL checkpoint.remaining_ids(s.checkpoint_id) id GROUP BY 1;
-- by way of a function: a client's loop
CREATE FUNCTION left_over() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	r checkpoint_data.r_m_1_input;
	n int := 0;
BEGIN
	FOR r IN SELECT * FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input) LOOP
		n := n + r.x;
	END LOOP;
	RETURN n;
END $$;
SELECT left_over();
-- of NULL nothing is known; of rows that are not there neither
SELECT checkpoint.is_processed(NULL, 1), checkpoint.is_processed(:cp, NULL);
SELECT count(*) FROM checkpoint.remaining_ids(NULL);

--
-- It follows what is committed.
--
SET test.fails_on = 8;
SELECT checkpoint.begin_job('r') AS job \gset
CALL checkpoint.map('m', 'SELECT x, t, a FROM source ORDER BY x', 'f(x) AS y');
SELECT * FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_input);
SELECT left_over();

-- A partial gen: the output does not tell which inputs are processed, the set does.
SET test.fails_on = 6;
SELECT checkpoint.begin_job('r') AS job \gset
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'g(x) AS y');
SELECT checkpoint_id AS gen_cp FROM checkpoint.steps WHERE step = 'g' \gset
SELECT * FROM checkpoint.remainder(NULL::checkpoint_data.r_g_2_input);
SELECT string_agg(id::text, ',') FROM checkpoint.processed_ids(:gen_cp) id;
SELECT count(*) FROM checkpoint_data.r_g_2_output;

--
-- Final checkpoints have none.
--
SET test.fails_on = 0;
SELECT checkpoint.begin_job('r') AS job \gset
CALL checkpoint.map('m', 'SELECT x, t, a FROM source ORDER BY x', 'f(x) AS y');
CALL checkpoint.gen('g', 'SELECT x FROM source ORDER BY x', 'g(x) AS y');
CALL checkpoint.query('q', 'SELECT x FROM source WHERE x < 3');
CALL checkpoint.map('empty', 'SELECT x FROM source WHERE false', 'f(x) AS y');
SELECT s.step, (SELECT count(*) FROM checkpoint.remaining_ids(checkpoint_id)) AS remaining,
	(SELECT string_agg(id::text, ',') FROM checkpoint.processed_ids(checkpoint_id) id) AS processed
FROM checkpoint.steps s WHERE job_id = :job;
SELECT checkpoint.is_processed(:cp, 8), checkpoint.is_processed(:gen_cp, 1);
SELECT count(*) FROM checkpoint.remainder(NULL::checkpoint_data.r_g_2_input);

--
-- output: of the session's job, or of the one given.
--
SELECT checkpoint.output('m'), checkpoint.output('m', :job), checkpoint.output('m', :job) = :'output'::regclass AS same;
SELECT checkpoint.output(step) = output_table AS same FROM checkpoint.steps WHERE job_id = :job;
SELECT count(*) FROM checkpoint.steps s WHERE checkpoint.output(s.step, s.job_id) IS NULL;
SELECT checkpoint.output(NULL) IS NULL AS none;
SELECT checkpoint.end_job();
SELECT checkpoint.output('m');
SELECT checkpoint.output('m', :job);

--
-- What has no remainder.
--
\set VERBOSITY default
SELECT checkpoint.output('m', 1000000);
SELECT checkpoint.output('no such step', :job);
SELECT * FROM checkpoint.remaining_ids(1000000);
SELECT * FROM checkpoint.processed_ids(-1);
SELECT checkpoint.is_processed(1000000, 1);
SELECT checkpoint.is_processed(:cp, 0);
SELECT checkpoint.is_processed(:cp, 9);
SELECT * FROM checkpoint.remainder(NULL::source);
SELECT * FROM checkpoint.remainder(NULL::checkpoint_data.r_m_1_output);
SELECT * FROM checkpoint.remainder(1);
SELECT * FROM checkpoint.remainder(NULL);

--
-- Only the owner sees the remainder, also where others may read the input.
--
SET test.fails_on = 3;
SELECT checkpoint.begin_job('mine') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source ORDER BY x', 'f(x) AS z');
SELECT checkpoint_id AS cp, input_table AS input, 'NULL::' || input_table AS input_type
FROM checkpoint.steps WHERE job = 'mine' \gset
CREATE ROLE regress_remainder;
GRANT USAGE ON SCHEMA remainder TO regress_remainder;
GRANT SELECT ON :input TO regress_remainder;
SET ROLE regress_remainder;
SELECT count(*) FROM :input;
SELECT count(*) FROM checkpoint.remainder(:input_type);
SELECT count(*) FROM checkpoint.remaining_ids(:cp);
SELECT count(*) FROM checkpoint.processed_ids(:cp);
SELECT checkpoint.is_processed(:cp, 1);
RESET ROLE;
SELECT count(*) FROM checkpoint.remainder(:input_type);
SET client_min_messages = warning;
DROP OWNED BY regress_remainder;
DROP ROLE regress_remainder;
RESET client_min_messages;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA remainder CASCADE;
