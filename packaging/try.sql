-- What a package that was just installed must be able to do: a step fails on a row,
-- is mended, and continues.  The last line is "10|10".
CREATE EXTENSION checkpoint;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF x = 7 THEN
		RAISE 'not %', x;
	END IF;
	RETURN x;
END $$;
SELECT checkpoint.begin_job('try') > 0;
\set ON_ERROR_STOP off
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 10) x ORDER BY x', 'f(x) AS y');
\set ON_ERROR_STOP on
CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
SELECT checkpoint.begin_job('try') > 0;
CALL checkpoint.map('m', 'SELECT x FROM generate_series(1, 10) x ORDER BY x', 'f(x) AS y');
SELECT checkpoint.end_job();
SELECT count(*), rows_kept + rows_computed
FROM checkpoint.steps, checkpoint.remaining_ids(checkpoint_id) RIGHT JOIN generate_series(1, 10) ON true
WHERE job_id = 2 GROUP BY 2;
