--
-- A map or gen that is inlined has no tables: its input's query with the UDF applied
-- stands in the queries of the steps that read it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA inlining;
SET search_path = inlining;
CREATE TABLE source AS SELECT g AS v FROM generate_series(1, 3) g;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('inlining.calls') - 1;
BEGIN
	PERFORM setval('inlining.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION twice(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('inlining.calls');
	RETURN 2 * v;
END $$;
CREATE FUNCTION pair(v int, OUT a int, OUT "B b" text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('inlining.calls');
	a := v; "B b" := 'text ' || v;
END $$;
CREATE TYPE two_ints AS (x int, y int);
CREATE FUNCTION whole(v int) RETURNS two_ints LANGUAGE sql AS 'SELECT CASE WHEN v <> 2 THEN row(v, -v)::two_ints END';
CREATE FUNCTION upto(v int) RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, v - 1)';
CREATE FUNCTION pairs(v int) RETURNS TABLE (a int, b int) LANGUAGE sql AS 'SELECT g, v FROM generate_series(2, v) g';
CREATE FUNCTION nothing(v int) RETURNS void LANGUAGE sql AS '';
CREATE VIEW ran AS SELECT step, kind, action, rows_total, rows_output AS output, reason FROM checkpoint.steps
	WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs);
CREATE FUNCTION held(step text) RETURNS TABLE (row_text text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT (to_jsonb(whole) - ''sys__id'')::text FROM %s whole ORDER BY 1',
		checkpoint.output(step, (SELECT max(job_id) FROM checkpoint.jobs)));
END $$;

--
-- One result column or several, composite values, NULL, sets, sub-selects
--
SELECT checkpoint.begin_job('forms');
CALL checkpoint.map('m1', 'SELECT v FROM source', 'twice(v), v + 1 AS next, (SELECT max(s.v) FROM source s) AS most', materialized => false);
CALL checkpoint.map('m2', 'SELECT v, next FROM m1', 'pair(v), whole(v), ROW(v)::text AS "r o w"', materialized => false);
CALL checkpoint.gen('g1', 'SELECT v FROM source', 'upto(v) AS u', materialized => false);
CALL checkpoint.gen('g2', 'SELECT v, next FROM m2', 'pairs(v)', keep => 'next', materialized => false);
SELECT calls();
CALL checkpoint.query('of_m1', 'SELECT * FROM m1');
-- once a row, for each reader
CALL checkpoint.query('of_m2', 'SELECT * FROM m2');
CALL checkpoint.query('of_g1', 'SELECT * FROM g1');
CALL checkpoint.query('of_g2', 'SELECT * FROM g2');
SELECT * FROM ran;
SELECT * FROM held('of_m1');
SELECT * FROM held('of_m2');
SELECT * FROM held('of_g1');
SELECT * FROM held('of_g2');
SELECT checkpoint.end_job();

--
-- The UDF is called for the first reader, and once more for all others
--
SELECT calls() > 0 AS reset;
SELECT checkpoint.begin_job('readers');
CALL checkpoint.map('m', 'SELECT v FROM source', 'twice(v)', materialized => false);
CALL checkpoint.query('unread', 'SELECT v FROM source');
SELECT calls();
CALL checkpoint.query('first', 'SELECT sum(twice) AS s1 FROM m');
SELECT calls();
CALL checkpoint.query('second', 'SELECT sum(twice) AS s2 FROM m');
SELECT calls();
CALL checkpoint.query('inlined', 'SELECT twice FROM m', materialized => false);
CALL checkpoint.query('third', 'SELECT sum(twice) AS s3 FROM inlined');
CALL checkpoint.map('fourth', 'SELECT a.twice AS t4 FROM m a JOIN m b USING (v)', 't4 + 1 AS n');
SELECT calls();
SELECT count(*) FROM pg_class WHERE relname LIKE 'sys\_\_inlined%';
SELECT checkpoint.end_job();
SELECT count(*) FROM pg_class WHERE relname LIKE 'sys\_\_inlined%';
-- twice in one query
SELECT checkpoint.begin_job('twice');
CALL checkpoint.map('m', 'SELECT v FROM source', 'twice(v)', materialized => false);
CALL checkpoint.map('n', 'SELECT v, twice AS t FROM m', 'twice(t) AS four', materialized => false);
CALL checkpoint.query('joined', 'SELECT sum(a.four + b.four) AS j FROM n a JOIN n b USING (v)');
SELECT calls();
SELECT checkpoint.end_job();

--
-- Readers are reused without a call of the UDF, as long as its code is the same
--
CREATE PROCEDURE pipeline(materialized boolean, version text = NULL, cache text = NULL) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('valid');
	CALL checkpoint.query('base', 'SELECT v FROM source');
	CALL checkpoint.map('m', 'SELECT v FROM base', 'twice(v)', materialized => materialized, code_version => version, cache_version => cache);
	CALL checkpoint.query('sum', 'SELECT sum(twice) AS s FROM m WHERE v > 0');
	RAISE NOTICE '% calls', calls();
	PERFORM checkpoint.end_job();
END $$;
CALL pipeline(false);
CALL pipeline(false);
CALL pipeline(false, cache => '2');
CREATE OR REPLACE FUNCTION twice(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('inlining.calls');
	RETURN v + v;
END $$;
CALL pipeline(false);
CALL pipeline(false, 'v1');
CREATE OR REPLACE FUNCTION twice(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('inlining.calls');
	RETURN 2 * v;
END $$;
CALL pipeline(false, 'v1');
-- stored, the results are the same; then its final checkpoint is used
CALL pipeline(true);
CALL pipeline(false);
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('valid');
UPDATE source SET v = 4 WHERE v = 3;
CALL pipeline(false);
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, estimated_time IS NULL AS no_time, reason FROM checkpoint.explain_job('valid');

--
-- A job that resumes from a later step
--
CREATE PROCEDURE resuming(from_step text, factor int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('resuming', resume_from => from_step);
	CALL checkpoint.map('before', format('SELECT v * %s AS v FROM source', factor), 'twice(v)', materialized => false);
	CALL checkpoint.query('beside', 'SELECT sum(twice) AS b FROM before');
	CALL checkpoint.query('here', 'SELECT max(twice) AS h FROM before', materialized => false);
	CALL checkpoint.query('after', 'SELECT h FROM here');
	PERFORM checkpoint.end_job();
END $$;
CALL resuming(NULL, 1);
CALL resuming('here', 1);
SELECT step, action, reason FROM ran;
CALL resuming('here', 2);
CREATE OR REPLACE FUNCTION twice(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('inlining.calls');
	RETURN v + v;
END $$;
CALL resuming('after', 1);

--
-- What is not inlined
--
SELECT checkpoint.begin_job('refused');
SET checkpoint.materialize = never;
CALL checkpoint.map('on_error', 'SELECT v FROM source', 'v + 1 AS w', on_error => 'skip');
CALL checkpoint.map('retries', 'SELECT v FROM source', 'v + 1 AS w', retries => 1);
CALL checkpoint.map('workers', 'SELECT v FROM source', 'v + 1 AS w', workers => 2);
CALL checkpoint.map('batch', 'SELECT v FROM source', 'v AS w', batch => 2);
CALL checkpoint.map('rate', 'SELECT v FROM source', 'v + 1 AS w', rate => 1000);
CALL checkpoint.map('max_rows', 'SELECT v FROM source', 'v + 1 AS w', max_rows => 1000);
CALL checkpoint.map('max_time', 'SELECT v FROM source', 'v + 1 AS w', max_time => '1 h');
CALL checkpoint.map('unit_timeout', 'SELECT v FROM source', 'v + 1 AS w', unit_timeout => '1 h');
CALL checkpoint.map('volatile', 'SELECT v, random() < 2 AS r FROM source', 'v + 1 AS w');
CALL checkpoint.map('void', 'SELECT v FROM source', 'nothing(v)');
CALL checkpoint.map('row', 'SELECT v FROM source', 'input::text AS t');
CALL checkpoint.map('id', 'SELECT v FROM source', 'sys__id AS t');
-- the setting alone does not ask for processes
SET checkpoint.workers = 2;
CALL checkpoint.map('defaults', 'SELECT v FROM source', 'v + 1 AS w', on_error => 'stop', retries => 0);
RESET checkpoint.workers;
SELECT step, action, reason FROM ran;
SELECT checkpoint.end_job();
RESET checkpoint.materialize;

--
-- Columns of the extension: of what an inlined step reads, and of its own rows
--
SELECT checkpoint.begin_job('ids');
CALL checkpoint.gen('g', 'SELECT v FROM source', 'pairs(v)');
CALL checkpoint.query('grouped', 'SELECT g.sys__input_id AS input_id, count(*), max(s.v) AS most FROM g JOIN source s ON s.v = g.b GROUP BY g.sys__input_id', materialized => false);
CALL checkpoint.query('joined', 'SELECT x.sys__id AS id, x.a, y.b, (SELECT min(z.sys__id) FROM g z WHERE z.sys__id >= x.sys__id) AS same FROM g x LEFT JOIN g y USING (a, b)', materialized => false);
CALL checkpoint.gen('g_inlined', 'SELECT v + 1 AS v FROM source', 'pairs(v)', materialized => false);
CALL checkpoint.query('of_grouped', 'SELECT * FROM grouped');
CALL checkpoint.query('of_joined', 'SELECT * FROM joined WHERE id = same');
CALL checkpoint.query('same', 'SELECT sys__input_id AS input_id, count(*), max(b) AS most FROM g_inlined GROUP BY sys__input_id');
SELECT step, action FROM ran;
SELECT * FROM held('of_grouped');
SELECT * FROM held('of_joined');
SELECT * FROM held('same');
SELECT checkpoint.end_job();

--
-- Errors name it and the reader
--
CREATE FUNCTION fails(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF v = 2 THEN RAISE 'cannot do %', v; END IF;
	RETURN v;
END $$;
\set VERBOSITY default
SELECT checkpoint.begin_job('errors');
CALL checkpoint.map('may_fail', 'SELECT v FROM source', 'fails(v)', materialized => false);
CALL checkpoint.query('reader', 'SELECT sum(fails) FROM may_fail');
CALL checkpoint.check_empty('reader', 'SELECT * FROM may_fail WHERE fails > 7');
\set VERBOSITY terse
-- with the function fixed, the step that failed is called again
CREATE OR REPLACE FUNCTION fails(v int) RETURNS int LANGUAGE sql AS 'SELECT v';
CALL checkpoint.query('reader', 'SELECT sum(fails) FROM may_fail');
SELECT checkpoint.end_job();
-- a failure while the rows are put into the table for all leaves none
SELECT checkpoint.begin_job('fill');
CALL checkpoint.map('may_fail', 'SELECT v + 0 AS v FROM source', 'fails(v)', materialized => false);
CALL checkpoint.query('first', 'SELECT sum(fails) AS f1 FROM may_fail');
CREATE OR REPLACE FUNCTION fails(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF v = 2 THEN RAISE 'cannot do % any more', v; END IF;
	RETURN v;
END $$;
CALL checkpoint.query('second', 'SELECT max(fails) AS f2 FROM may_fail');
SELECT count(*) FROM pg_class WHERE relname LIKE 'sys\_\_inlined%';
CREATE OR REPLACE FUNCTION fails(v int) RETURNS int LANGUAGE sql AS 'SELECT v';
CALL checkpoint.query('second', 'SELECT max(fails) AS f2 FROM may_fail');
SELECT count(*) FROM pg_class WHERE relname LIKE 'sys\_\_inlined%';
-- the table has its rows until the job ends
UPDATE source SET v = 5 WHERE v = 4;
CALL checkpoint.query('third', 'SELECT min(fails) AS f3, max(fails) FROM may_fail');
SELECT * FROM held('third');
SELECT checkpoint.end_job();
SELECT count(*) FROM pg_class WHERE relname LIKE 'sys\_\_inlined%';
-- which the next run does not take for those of the changed table
SELECT checkpoint.begin_job('fill');
CALL checkpoint.map('may_fail', 'SELECT v + 0 AS v FROM source', 'fails(v)', materialized => false);
CALL checkpoint.query('third', 'SELECT min(fails) AS f3, max(fails) FROM may_fail');
SELECT * FROM held('third');
SELECT checkpoint.fail_job('enough of it');

--
-- Sessions of one job: each reader calls the UDF
--
SELECT calls() > 0 AS reset;
SELECT checkpoint.begin_job('sessions', attach => false) AS job \gset
CALL checkpoint.map('m', 'SELECT v FROM source', 'twice(v)', materialized => false, job => :job);
CALL checkpoint.query('first', 'SELECT sum(twice) AS first FROM m', job => :job);
\c -
SET search_path = pg_catalog;
\set VERBOSITY terse
CALL checkpoint.query('second', 'SELECT max(twice) AS second FROM m', job => :job);
SET search_path = inlining;
SELECT calls();
SELECT * FROM held('second');
SELECT checkpoint.end_job(job => :job);

SET client_min_messages = warning;
DROP SCHEMA inlining CASCADE;
