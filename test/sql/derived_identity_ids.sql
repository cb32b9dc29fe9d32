--
-- Rule 1: the identity of a query that reads the extension's columns of outputs
-- is told without reading, wherever they stand, and tells such columns apart.
--
SET client_min_messages = warning;

CREATE SCHEMA derived_ids;
SET search_path = derived_ids;
CREATE TABLE src AS SELECT g AS k, g % 3 AS m FROM generate_series(1, 12) g;
CREATE FUNCTION pair(k int) RETURNS SETOF int LANGUAGE sql IMMUTABLE
AS 'SELECT generate_series(1, k % 3)';

-- Runs the queries as steps after a map "a" and a gen "b".
CREATE PROCEDURE pipeline(VARIADIC queries text[]) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('derived ids');
	CALL checkpoint.map('a', 'SELECT k, m FROM derived_ids.src', 'k * 2 AS v');
	CALL checkpoint.gen('b', 'SELECT k, m FROM derived_ids.src', 'derived_ids.pair(k) AS p');
	FOR i IN 1 .. cardinality(queries) LOOP
		CALL checkpoint.query('q' || i, queries[i]);
	END LOOP;
	PERFORM checkpoint.end_job();
END $$;

\set queries '$$SELECT sys__id AS i FROM b$$, $$SELECT sys__input_id AS i FROM b$$, $$SELECT k, a.sys__id AS i, b.sys__input_id AS j, p FROM a JOIN b ON a.sys__id = b.sys__input_id$$, $$SELECT x.sys__id AS i, y.sys__id AS j, k FROM a x JOIN a y USING (k)$$, $$SELECT x.sys__id AS i, y.sys__id AS j, k FROM a x NATURAL LEFT JOIN a y$$, $$SELECT a.sys__id AS i, l.n FROM a LEFT JOIN LATERAL (SELECT count(*) AS n FROM b WHERE b.sys__input_id = a.sys__id) l ON true$$, $$SELECT sys__input_id AS i, count(*) AS n FROM b GROUP BY sys__input_id$$, $$SELECT k FROM a WHERE EXISTS (SELECT FROM b WHERE b.sys__input_id = a.sys__id)$$, $$WITH c AS (SELECT sys__id AS i, k FROM a) SELECT c.i, d.sys__id AS j FROM c JOIN a d USING (k)$$, $$SELECT (SELECT max(sys__id) FROM a) AS i UNION ALL SELECT sys__input_id FROM b$$, $$SELECT j.i FROM ((SELECT sys__id AS i, k FROM a) z JOIN a USING (k)) AS j$$, $$SELECT (a = a) AS same, sys__id AS i FROM a$$, $$SELECT rank() OVER (ORDER BY sys__id) AS r, p FROM b$$, $$SELECT k, z.p FROM a JOIN (SELECT p, sys__input_id AS i FROM b) z ON z.i = a.sys__id$$'
CALL pipeline(:queries);
CALL pipeline(:queries);

-- all were told in the second run; no two are the same
SELECT s.step, s.action, s.derivation IS NOT NULL AS derived, s.rows_total
FROM checkpoint.step s WHERE s.step LIKE 'q%' AND s.job_id =
	(SELECT max(job_id) FROM checkpoint.jobs WHERE name = 'derived ids')
ORDER BY s.step_id;
SELECT count(*), count(DISTINCT s.step) AS queries, count(DISTINCT s.derivation) AS derivations
FROM checkpoint.step s JOIN checkpoint.job j USING (job_id)
WHERE s.step LIKE 'q%' AND j.name = 'derived ids';

DROP SCHEMA derived_ids CASCADE;
