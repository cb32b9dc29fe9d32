--
-- Rule 1: with a probe, the identity of an input is the text of the query and
-- what the probe returns, and the input is not read to decide.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA probe;
SET search_path = probe;
CREATE SEQUENCE reads;
CREATE FUNCTION read(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('probe.reads');
	RETURN v;
END $$;
CREATE FUNCTION reads() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('probe.reads') - 1;
BEGIN
	PERFORM setval('probe.reads', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION f(v int) RETURNS int LANGUAGE sql AS 'SELECT v * 2';
CREATE TABLE docs AS SELECT g AS id, g AS v, timestamp '2026-01-01' AS updated_at FROM generate_series(1, 5) g;
CREATE VIEW docs_view AS SELECT id, v FROM docs;

CREATE PROCEDURE run(input text, probe text, code_version text = NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('probe');
	CALL checkpoint.map('m', input, 'f(v) AS w', probe => probe, cache_version => code_version);
	RAISE NOTICE 'rows read: %', reads();
	PERFORM checkpoint.end_job();
END $$;
\set probe '''SELECT max(updated_at) FROM docs'''

CALL run('SELECT id, read(v) AS v FROM docs', :probe);
CALL run('SELECT id, read(v) AS v FROM docs', :probe);
-- what the probe does not see is not noticed
UPDATE docs SET v = 100 WHERE id = 1;
CALL run('SELECT id, read(v) AS v FROM docs', :probe);
-- what it sees is: rows are carried over
UPDATE docs SET v = 200, updated_at = '2026-01-02' WHERE id = 2;
CALL run('SELECT id, read(v) AS v FROM docs', :probe);
TABLE checkpoint_data.probe_m_2_output;
CALL run('SELECT id, read(v) AS v FROM docs', :probe);
-- the code counts as ever
CALL run('SELECT id, read(v) AS v FROM docs', :probe, '2');
-- another query is another input, however its text is spelt; so is another probe
CALL run('select id,  probe.read(docs.v) v from probe.docs', :probe, '2');
CALL run('SELECT id, read(v) AS v FROM docs WHERE id < 100', :probe, '2');
CALL run('SELECT id, read(v) AS v FROM docs', 'SELECT count(*) FROM docs', '2');
CALL run('SELECT id, read(v) AS v FROM docs', 'SELECT count(*) FROM docs', '2');
-- and without one the rows decide
CALL run('SELECT id, read(v) AS v FROM docs', NULL, '2');
CALL run('SELECT id, read(v) AS v FROM docs', NULL, '2');
-- a view is part of the text
CALL run('SELECT id, read(v) AS v FROM docs_view', :probe, '2');
CALL run('SELECT id, read(v) AS v FROM docs_view', :probe, '2');
CREATE OR REPLACE VIEW docs_view AS SELECT id, v FROM docs WHERE id > 1;
CALL run('SELECT id, read(v) AS v FROM docs_view', :probe, '2');

-- An unfinished step is continued without reading the input.
CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF v = 4 THEN
		RAISE 'not %', v;
	END IF;
	RETURN v * 3;
END $$;
CALL run('SELECT id, read(v) AS v FROM docs ORDER BY id', :probe, '3');
SELECT reads();
CREATE OR REPLACE FUNCTION f(v int) RETURNS int LANGUAGE sql AS 'SELECT v * 3';
CALL run('SELECT id, read(v) AS v FROM docs ORDER BY id', :probe, '3');

-- The output of a step counts by its content, not by its name.
CREATE PROCEDURE chain() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('chain');
	CALL checkpoint.map('m', 'SELECT id, v FROM docs', 'f(v) AS w', probe => 'SELECT count(*) FROM docs');
	CALL checkpoint.query('q', 'SELECT read(w) AS w FROM m', probe => 'SELECT 1');
	CALL checkpoint.save('probe.published', 'SELECT read(w) AS w FROM q WHERE random() >= 0', probe => 'SELECT 1');
	RAISE NOTICE 'rows read: %', reads();
	PERFORM checkpoint.end_job();
END $$;
CALL chain();
CALL chain();
INSERT INTO docs VALUES (6, 6, '2026-01-03');
CALL chain();
SELECT count(*) FROM published;

-- Also that of one that is not finished, and of values that name something.
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE FUNCTION moody(v int) RETURNS mood LANGUAGE plpgsql AS $$
BEGIN
	IF v = 3 THEN
		RAISE 'not %', v;
	END IF;
	RETURN 'good';
END $$;
CREATE PROCEDURE unfinished() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('unfinished');
	CALL checkpoint.map('m', 'SELECT generate_series(1, 3) AS v', 'moody(v) AS m', on_error => 'skip');
	CALL checkpoint.query('q', 'SELECT m, count(*) AS n FROM m GROUP BY m', probe => 'SELECT 1');
	PERFORM checkpoint.end_job();
END $$;
CALL unfinished();
CALL unfinished();
CREATE OR REPLACE FUNCTION moody(v int) RETURNS mood LANGUAGE sql AS $$SELECT 'good'::probe.mood$$;
CALL unfinished();

-- A probe that is none.
SELECT checkpoint.begin_job('bad') > 0;
CALL checkpoint.map('m', 'SELECT v FROM docs', 'f(v)', probe => 'DELETE FROM docs');
CALL checkpoint.map('m', 'SELECT v FROM docs', 'f(v)', probe => 'SELECT nothing FROM docs');
CALL checkpoint.map('m', 'SELECT v FROM docs', 'f(v)', probe => '');
CALL checkpoint.map('m', 'SELECT v FROM docs', 'f(v)', probe => 'SELECT 1; SELECT 2');
-- one that fails
CALL checkpoint.map('m', 'SELECT v FROM docs', 'f(v)', probe => 'SELECT 1 / 0');
SELECT status, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;

SET client_min_messages = warning;
DROP SCHEMA probe CASCADE;
