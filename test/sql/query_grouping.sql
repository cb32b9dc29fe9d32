--
-- The columns of a step's output that belong to the extension can be read by
-- name, and obey the rules of GROUP BY and HAVING.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set SHOW_CONTEXT never

CREATE SCHEMA grouping;
SET search_path = grouping;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 4);

-- show returns the rows of a step's output as text.
CREATE FUNCTION show(step text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg((to_jsonb(the_row) - ''sys__id'')::text, '' '' ORDER BY sys__id) FROM %s the_row',
		checkpoint.output(step)) INTO result;
	RETURN result;
END $$;

SELECT checkpoint.begin_job('grouping') AS job \gset
CALL checkpoint.map('m', 'SELECT x, x % 2 AS p FROM source', 'x * 10 AS y');
CALL checkpoint.gen('g', 'SELECT x FROM m ORDER BY x', 'generate_series(1, x) AS n');
CALL checkpoint.query('ungrouped', 'SELECT sys__id, count(*) FROM m GROUP BY p');
CALL checkpoint.query('ungrouped', 'SELECT p FROM m GROUP BY p HAVING sys__id > 0');
CALL checkpoint.query('ungrouped', 'SELECT sum(sys__id) AS s, sys__input_id AS i FROM g');
CALL checkpoint.query('ungrouped', 'SELECT e.sys__id AS i, count(*) FROM m AS e (a, b) GROUP BY b');
CALL checkpoint.query('ungrouped', 'SELECT p, (SELECT max(n) FROM g WHERE g.sys__id = m.sys__id) AS n FROM m GROUP BY p');
CALL checkpoint.query('ungrouped', 'SELECT p, count(*) FROM m JOIN g ON g.sys__input_id = m.sys__id GROUP BY p ORDER BY g.sys__id');
CALL checkpoint.query('ungrouped', 'SELECT sys__id AS i, max(p) FROM m GROUP BY GROUPING SETS ((p), (x))');
-- and the names of others stay as they are
CALL checkpoint.query('unknown', 'SELECT sys__id AS i FROM m WHERE m.sys__other > 0');
CALL checkpoint.query('unknown', 'SELECT sys__id AS i FROM m WHERE m.sys__input_id > 0');
CALL checkpoint.query('ambiguous', 'SELECT m.sys__id AS i FROM m JOIN g ON m.sys__id = g.n WHERE sys__id > 0');
CALL checkpoint.query('star', 'SELECT m.sys__id AS i, * FROM m JOIN g ON m.sys__id = g.n AND g.sys__id = 1');
SELECT show('star');
CALL checkpoint.query('natural', 'SELECT i FROM (SELECT sys__id AS i, * FROM m) a NATURAL JOIN m b WHERE b.sys__id = 1');
SELECT show('natural');

CALL checkpoint.query('grouped', 'SELECT sys__id AS id, count(*) AS n FROM m GROUP BY sys__id HAVING sys__id > 1 ORDER BY m.sys__id');
SELECT show('grouped');
CALL checkpoint.query('aggregated', 'SELECT p, max(sys__id) AS m, array_agg(x ORDER BY sys__id DESC) AS a FROM m GROUP BY p HAVING min(sys__id) > 1');
SELECT show('aggregated');
CALL checkpoint.query('expression', 'SELECT sys__id % 2 AS odd, count(*) AS n FROM m GROUP BY sys__id % 2 HAVING sys__id % 2 = 1');
SELECT show('expression');
CALL checkpoint.query('by position', 'SELECT sys__input_id AS i, sum(n) AS s FROM g GROUP BY 1 ORDER BY 1');
SELECT show('by position');
CALL checkpoint.query('sets', 'SELECT p, sys__id AS i, count(*) AS n, grouping(sys__id) AS g FROM m GROUP BY ROLLUP (p, sys__id) ORDER BY p, i');
SELECT show('sets');
CALL checkpoint.query('joined', 'SELECT m.sys__id AS i, count(*) AS n FROM m LEFT JOIN g ON g.sys__input_id = m.sys__id GROUP BY m.sys__id HAVING count(g.sys__id) > 2 ORDER BY 1');
SELECT show('joined');
CALL checkpoint.query('outer', 'SELECT sys__id AS i, (SELECT count(*) FROM g WHERE g.sys__input_id = m.sys__id) AS n FROM m GROUP BY sys__id ORDER BY 1');
SELECT show('outer');
CALL checkpoint.query('window', 'SELECT x, row_number() OVER (PARTITION BY p ORDER BY sys__id DESC) AS r, count(*) OVER w AS c FROM m WINDOW w AS (ORDER BY sys__id)');
SELECT show('window');
CALL checkpoint.query('distinct', 'SELECT DISTINCT ON (p) p, x FROM m ORDER BY p, sys__id DESC');
SELECT show('distinct');
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA grouping CASCADE;
