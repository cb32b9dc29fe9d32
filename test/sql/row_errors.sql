--
-- The error of a row says which row it is, where that is kept, why the step
-- stops there, and how often the UDF was called for it (rules 7 and 11).
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA row_errors;
SET search_path = row_errors;
RESET client_min_messages;
CREATE FUNCTION fails(bad boolean) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF bad THEN
		RAISE 'it is bad' USING DETAIL = 'A detail.', HINT = 'A hint.';
	END IF;
	RETURN 1;
END $$;

-- The values of the row, whatever they are.
CREATE TYPE pair AS (a int, b text);
SELECT checkpoint.begin_job('values') AS job \gset
CALL checkpoint.map('Map', $$SELECT 1.50 AS n, NULL::int AS i, 'x, y' AS t, '{1,2}'::int[] AS a, (1, 'two')::pair AS p, true AS bad$$,
	'fails(bad)');
SELECT checkpoint.begin_job('values', fresh => true) AS job \gset
CALL checkpoint.gen('gen', 'SELECT g, g = 3 AS bad FROM generate_series(1, 5) g', 'generate_series(1, fails(bad))');
-- no more than 200 characters, and no value that takes long to show
SELECT checkpoint.begin_job('values', fresh => true) AS job \gset
CALL checkpoint.map('long', $$SELECT repeat('ä', 180) AS a, repeat('😀', 1000) AS b, true AS bad$$, 'fails(bad)');
SELECT checkpoint.begin_job('values', fresh => true) AS job \gset
CALL checkpoint.map('longer', $$SELECT repeat('x', 100000) AS a, '1' AS b, true AS bad$$, 'fails(bad)');
SELECT checkpoint.begin_job('values', fresh => true) AS job \gset
SELECT 'SELECT true AS bad, ' || string_agg(g || ' AS c' || g, ', ') AS columns FROM generate_series(1, 500) g \gset
CALL checkpoint.map('many', :'columns', 'fails(bad)');

-- The error that exceeds max_errors.
SELECT checkpoint.begin_job('too many') AS job \gset
CALL checkpoint.map('m', 'SELECT g, g > 2 AS bad FROM generate_series(1, 9) g ORDER BY g', 'fails(bad)', on_error => 'skip', max_errors => 3);
SELECT checkpoint.begin_job('too many', fresh => true) AS job \gset
CALL checkpoint.map('m', 'SELECT g FROM generate_series(1, 9) g ORDER BY g', '1 / (g - 2) AS q', on_error => 'skip', max_errors => 0);
-- those that were skipped are recorded as they were
SELECT sys__id, message, detail, context FROM checkpoint.errors ORDER BY sys__id;

-- How often the UDF was called.
SELECT checkpoint.begin_job('retries') AS job \gset
CALL checkpoint.map('m', 'SELECT g, g > 2 AS bad FROM generate_series(1, 9) g ORDER BY g', 'fails(bad)', retries => 2);
SELECT checkpoint.begin_job('retries', fresh => true) AS job \gset
CALL checkpoint.map('m', 'SELECT g FROM generate_series(1, 9) g ORDER BY g', '1 / (g - 2) AS q', retries => 1, on_error => 'skip', max_errors => 0);

SET client_min_messages = warning;
DROP SCHEMA row_errors CASCADE;
