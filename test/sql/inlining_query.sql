--
-- A query step that is inlined has no tables: its query stands in those of the
-- steps that read it, as it was analysed at its own call.  Results are the same
-- whether it is stored or not.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA inlining;
CREATE SCHEMA other_schema;
SET search_path = inlining;
CREATE TABLE source AS SELECT g AS v FROM generate_series(1, 6) g;
CREATE TABLE other_schema.source AS SELECT 100 + g AS v FROM generate_series(1, 3) g;
CREATE FUNCTION twice(v int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2 * v; END $$;
CREATE VIEW ran AS SELECT step, action, rows_total, rows_computed AS computed, rows_output AS output,
	output_table IS NULL AS no_table, reason FROM checkpoint.steps
	WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs);
CREATE FUNCTION held(step text) RETURNS TABLE (row_text text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT (to_jsonb(whole) - ''sys__id'')::text FROM %s whole ORDER BY 1',
		checkpoint.output(step, (SELECT max(job_id) FROM checkpoint.jobs)));
END $$;

--
-- The setting and the hint: twelve cells
--
CREATE PROCEDURE cells() LANGUAGE plpgsql AS $$
DECLARE
	setting text;
BEGIN
	FOREACH setting IN ARRAY ARRAY['default_on', 'default_off', 'always', 'never'] LOOP
		PERFORM set_config('checkpoint.materialize', setting, false);
		PERFORM checkpoint.begin_job('cells ' || setting, fresh => true);
		CALL checkpoint.query('true', 'SELECT 1 AS one', materialized => true);
		CALL checkpoint.query('null', 'SELECT 1 AS one');
		CALL checkpoint.query('false', 'SELECT 1 AS one', materialized => false);
		PERFORM checkpoint.end_job();
	END LOOP;
	RESET checkpoint.materialize;
END $$;
SET client_min_messages = warning;
CALL cells();
RESET client_min_messages;
SELECT job, array_agg(step || ': ' || action ORDER BY s.started_at) FROM checkpoint.steps s GROUP BY job ORDER BY min(job_id);
SET checkpoint.materialize = 'sometimes';

--
-- It has no rows; its readers have them.  Nothing is read at its own call.
--
CREATE FUNCTION noisy(v int) RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'read %', v; RETURN v; END $$;
SELECT checkpoint.begin_job('rows');
CALL checkpoint.query('small', 'SELECT noisy(v) AS v, v % 2 = 0 AS even FROM source WHERE v < 4', materialized => false);
CALL checkpoint.map('doubled', 'SELECT * FROM small', 'twice(v) AS w');
CALL checkpoint.query('sums', 'SELECT even, sum(v) FROM small GROUP BY even');
CALL checkpoint.save('inlining.published', 'SELECT s.v, d.w FROM small s JOIN doubled d USING (v)');
SELECT * FROM ran;
SELECT * FROM held('doubled');
SELECT * FROM held('sums');
SELECT * FROM published ORDER BY v;
SELECT checkpoint.output('small');
SELECT checkpoint.end_job();
DROP FUNCTION noisy CASCADE;

--
-- Names mean what they meant at its own call: of tables by the search_path, of
-- steps by the steps before it
--
SELECT checkpoint.begin_job('names');
CALL checkpoint.query('base', 'SELECT v FROM source WHERE v < 3');
CALL checkpoint.query('here', 'SELECT s.v AS sv, b.v AS bv FROM source s LEFT JOIN base b USING (v)', materialized => false);
SET search_path = other_schema, inlining;
CALL checkpoint.query('there', 'SELECT v FROM source', materialized => false);
CALL checkpoint.query('source', 'SELECT 0 AS v', materialized => false);
-- a CTE of the reader has the name of what the inlined step reads
CALL checkpoint.query('all', 'WITH base AS (SELECT 7 AS v), x AS (SELECT 8 AS v)
	SELECT ''here'' AS of, sv, bv FROM here UNION ALL SELECT ''there'', v, NULL FROM there
	UNION ALL SELECT ''source'', v, NULL FROM source UNION ALL SELECT ''base'', v, NULL FROM base');
SET search_path = inlining;
SELECT * FROM held('all');
-- an alias, columns in another order, whole rows, names that hide others
CALL checkpoint.query('aliases', 'SELECT h.bv, h.sv, (h).sv + 1 AS next, h::text AS row_text, 1 AS "sys__1" FROM here AS h(sv, bv) WHERE EXISTS (SELECT FROM there t WHERE t.v > h.sv) AND h.sv > 4');
CALL checkpoint.query('catalog', 'SELECT count(*) > 0 AS some FROM pg_class', materialized => false);
CALL checkpoint.query('pg_class', 'SELECT 1 AS v', materialized => false);
CALL checkpoint.query('of_catalog', 'SELECT * FROM catalog, pg_class');
SELECT * FROM held('aliases');
SELECT * FROM held('of_catalog');
SELECT checkpoint.end_job();

--
-- Any form of query: CTEs, set operations, windows, DISTINCT, ORDER BY ... LIMIT,
-- VALUES, LATERAL, literals that depend on settings
--
SELECT checkpoint.begin_job('forms');
SET DateStyle = 'ISO, DMY';
CALL checkpoint.query('f1', 'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT n FROM t', materialized => false);
CALL checkpoint.query('f2', 'SELECT n FROM f1 INTERSECT (SELECT v FROM source EXCEPT VALUES (2))', materialized => false);
CALL checkpoint.query('f3', 'SELECT DISTINCT ON (v % 2) v, rank() OVER (ORDER BY v DESC), ''x'' AS x, ''01/02/2024''::date AS d FROM source ORDER BY v % 2, v DESC LIMIT 2', materialized => false);
SET DateStyle = 'ISO, MDY';
CALL checkpoint.query('f4', 'SELECT f1.n, l.s, f3.* FROM f1, LATERAL (SELECT sum(v) AS s FROM source WHERE v <= n) l, f3 WHERE n IN (SELECT n FROM f2)', materialized => false);
CALL checkpoint.query('result', 'SELECT * FROM f4 WHERE n > 1 AND (SELECT max(n) FROM f1) = 4');
SELECT * FROM held('result');
SELECT checkpoint.end_job();
RESET DateStyle;

--
-- Nested ten deep, each twice in its reader
--
CREATE PROCEDURE nested(setting text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('checkpoint.materialize', setting, false);
	PERFORM checkpoint.begin_job('nested');
	CALL checkpoint.query('n0', 'SELECT v FROM source');
	FOR i IN 1 .. 10 LOOP
		CALL checkpoint.query('n' || i, format('SELECT v + 1 AS v FROM n%s WHERE v > (SELECT min(v) - %s FROM n%1$s)', i - 1, i % 2));
	END LOOP;
	CALL checkpoint.query('read', 'SELECT v FROM n10', materialized => true);
	PERFORM checkpoint.end_job();
	RESET checkpoint.materialize;
END $$;
SET client_min_messages = warning;
CALL nested('default_on');
CALL nested('default_off');
RESET client_min_messages;
-- all have final checkpoints
SELECT action, count(*) FROM ran GROUP BY 1;
INSERT INTO source VALUES (10);
SET client_min_messages = warning;
CALL nested('default_off');
SELECT action, count(*) FROM ran GROUP BY 1 ORDER BY 1;
SELECT checkpoint.content_hash(row_text) AS hash FROM held('read') \gset inlined_
CALL nested('default_on');
RESET client_min_messages;
SELECT action, count(*) FROM ran GROUP BY 1 ORDER BY 1;
SELECT checkpoint.content_hash(row_text) = :'inlined_hash' AS same_rows FROM held('read');
DELETE FROM source WHERE v = 10;

--
-- Readers are valid as long as their rows are the same, whether a step is stored or
-- not, and without reading where that can be told
--
CREATE PROCEDURE pipeline(materialized boolean, version text = NULL, cached boolean = true, where_v int = 5) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('valid');
	CALL checkpoint.query('a', 'SELECT v FROM source WHERE v < ' || where_v, materialized => materialized, cache_version => version, cache_enabled => cached);
	CALL checkpoint.query('b', 'SELECT v, v * v AS square FROM a WHERE v < 4', materialized => materialized);
	CALL checkpoint.map('c', 'SELECT * FROM b', 'twice(square) AS t');
	PERFORM checkpoint.end_job();
END $$;
CALL pipeline(false);
CALL pipeline(false);
-- a chain of immutable queries is decided without reading
CREATE FUNCTION seen(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'read %', v; RETURN v; END $$;
CREATE PROCEDURE unread(version text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('unread');
	CALL checkpoint.query('u0', 'SELECT v FROM source WHERE v < 3');
	CALL checkpoint.query('u1', 'SELECT seen(v) AS v FROM u0', materialized => false, cache_version => version);
	CALL checkpoint.query('u2', 'SELECT v + 1 AS v FROM u1', materialized => false);
	CALL checkpoint.map('u3', 'SELECT v FROM u2', 'twice(v) AS t');
	PERFORM checkpoint.end_job();
END $$;
CALL unread(NULL);
CALL unread(NULL);
-- until something says that it may be different; then its rows decide
CALL unread('2');
CALL unread('2');
CALL pipeline(true);
CALL pipeline(false);
CALL pipeline(false, version => '2');
CALL pipeline(false, where_v => 4);
CALL pipeline(false, where_v => 3);
CALL pipeline(false, cached => false);
SELECT step, action, reason FROM ran;
INSERT INTO source VALUES (0);
CALL pipeline(false);
DELETE FROM source WHERE v = 0;

-- the probe of an inlined step stands for its input in its readers, too
CREATE TABLE probed AS SELECT 1 AS version;
CREATE PROCEDURE probing() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('probing');
	CALL checkpoint.query('p1', 'SELECT noisy(v) AS v FROM source WHERE v < 3', materialized => false, probe => 'SELECT version FROM probed');
	CALL checkpoint.query('p2', 'SELECT v + 1 AS v FROM p1', materialized => false);
	CALL checkpoint.map('p3', 'SELECT v FROM p2', 'twice(v) AS t');
	PERFORM checkpoint.end_job();
END $$;
CREATE FUNCTION noisy(v int) RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'read %', v; RETURN v; END $$;
CALL probing();
INSERT INTO source VALUES (0);
CALL probing();
UPDATE probed SET version = 2;
CALL probing();
DELETE FROM source WHERE v = 0;

--
-- A reader that wants its sys__ columns has it stored first
--
SELECT checkpoint.begin_job('ids');
SET search_path = other_schema, inlining;
CALL checkpoint.query('i1', 'SELECT v FROM source', materialized => false);
CALL checkpoint.query('i2', 'SELECT v FROM i1 WHERE v > 101', materialized => false);
SET search_path = inlining;
CALL checkpoint.query('source', 'SELECT 0 AS v');
CALL checkpoint.query('i3', 'SELECT sys__id AS id, v FROM i2', materialized => false);
CALL checkpoint.query('i4', 'SELECT * FROM i3');
SHOW search_path;
SELECT * FROM ran;
SELECT * FROM held('i4');
SELECT checkpoint.end_job();

--
-- Errors name it and the reader
--
\set VERBOSITY default
SELECT checkpoint.begin_job('errors');
CALL checkpoint.query('divides', 'SELECT v / (v - 3) AS q FROM source', materialized => false);
CALL checkpoint.query('passes', 'SELECT q FROM divides', materialized => false);
CALL checkpoint.query('reader', 'SELECT sum(q) FROM passes');
SELECT status, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;
ALTER TABLE source RENAME TO moved;
CALL checkpoint.query('reader', 'SELECT sum(q) FROM passes');
ALTER TABLE moved RENAME TO source;
\set VERBOSITY terse
DELETE FROM source WHERE v = 3;
CALL checkpoint.query('reader', 'SELECT sum(q) FROM passes');
SELECT checkpoint.end_job();

--
-- What depends_on and probe read may be inlined, too
--
SELECT checkpoint.begin_job('arguments');
CALL checkpoint.query('a1', 'SELECT v FROM source WHERE v < 3', materialized => false);
CALL checkpoint.query('a2', 'SELECT count(*) FROM a1', materialized => false);
CALL checkpoint.map('a3', 'SELECT v FROM source', 'twice(v)', depends_on => 'SELECT v FROM a1', probe => 'SELECT * FROM a2');
SELECT checkpoint.end_job();

--
-- What a rerun would do
--
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('valid');
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('errors');
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('unread');
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('arguments');
SET checkpoint.materialize = always;
SELECT step, kind, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('unread');
RESET checkpoint.materialize;

SET client_min_messages = warning;
DROP SCHEMA inlining, other_schema CASCADE;
