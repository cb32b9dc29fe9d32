--
-- The example of the manual: a pipeline that fails, is fixed and is rerun.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;

CREATE TABLE raw_numbers (num int PRIMARY KEY);
INSERT INTO raw_numbers SELECT generate_series(0, 99);

-- Sequences are not rolled back: they count every call, also those that fail.
CREATE SEQUENCE even_calls;
CREATE SEQUENCE double_calls;
CREATE TABLE double_seen (num int);

-- calls says how often a function was called since it was asked last.
CREATE FUNCTION calls(seq regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval(seq) - 1;
BEGIN
	PERFORM setval(seq, 1, false);
	RETURN n;
END $$;

CREATE FUNCTION is_even(num int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('even_calls');
	IF num = 37 THEN
		RAISE EXCEPTION 'cannot decide on %', num;
	END IF;
	RETURN num % 2 = 0;
END $$;

CREATE FUNCTION double_it(num int, even boolean)
RETURNS TABLE (n int, doubled int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('double_calls');
	IF NOT even THEN
		RETURN;
	END IF;
	n := num; doubled := num * 2;
	RETURN NEXT;
	IF num = 16 THEN
		RAISE EXCEPTION 'cannot double %', num;
	END IF;
	doubled := num * 4;
	RETURN NEXT;
END $$;

CREATE VIEW steps AS
SELECT job_id, step, kind, action, rows_total AS total, rows_kept AS kept,
	rows_computed AS computed, rows_output AS output
FROM checkpoint.steps;

--
-- First run: is_even raises on 37.
--
SELECT checkpoint.begin_job('numbers');
CALL checkpoint.map('even', input => 'SELECT num FROM raw_numbers WHERE num < 50', udf => 'is_even(num) AS even');

-- Rule 7: rows 0..36 are kept; 38 calls were made, the one that failed included.
SELECT calls('even_calls');
SELECT count(*), min(num), max(num), bool_and(even = (num % 2 = 0)) AS correct
FROM checkpoint_data.numbers_even_1_output;
SELECT * FROM steps;
SELECT state, rows_total, rows_processed, rows_failed, rows_output FROM checkpoint.checkpoints;
SELECT name, status, rerun_of, error FROM checkpoint.jobs;

-- Rule 12: the rest of the script meets a failed job.
CALL checkpoint.gen('res', input => 'SELECT num, even FROM even WHERE num < 20', udf => 'double_it(num, even)');
CALL checkpoint.save('public.numbers', 'SELECT * FROM res');
SELECT checkpoint.end_job();
SELECT calls('double_calls');

--
-- Second run, is_even fixed: 13 calls, not 50; double_it raises on 16.
--
CREATE OR REPLACE FUNCTION is_even(num int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('even_calls');
	RETURN num % 2 = 0;
END $$;

SELECT checkpoint.begin_job('numbers');
CALL checkpoint.map('even', input => 'SELECT num FROM raw_numbers WHERE num < 50', udf => 'is_even(num) AS even');
SELECT calls('even_calls');
SELECT count(*), count(DISTINCT num), min(num), max(num), bool_and(even = (num % 2 = 0)) AS correct
FROM checkpoint_data.numbers_even_1_output;
CALL checkpoint.gen('res', input => 'SELECT num, even FROM even WHERE num < 20', udf => 'double_it(num, even)');

-- The row that 16 had given before it failed is not kept.
SELECT calls('double_calls');
SELECT count(*), max(n) FROM checkpoint_data.numbers_res_2_output;
SELECT * FROM steps;

--
-- Third run: only 16..19 reach double_it.
--
CREATE OR REPLACE FUNCTION double_it(num int, even boolean)
RETURNS TABLE (n int, doubled int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('double_calls');
	INSERT INTO double_seen VALUES (num);
	IF even THEN
		RETURN QUERY VALUES (num, num * 2), (num, num * 4);
	END IF;
END $$;

SELECT checkpoint.begin_job('numbers');
CALL checkpoint.map('even', input => 'SELECT num FROM raw_numbers WHERE num < 50', udf => 'is_even(num) AS even');
CALL checkpoint.gen('res', input => 'SELECT num, even FROM even WHERE num < 20', udf => 'double_it(num, even)');
CALL checkpoint.save('public.numbers', 'SELECT * FROM res');
SELECT checkpoint.end_job();
SELECT calls('even_calls') AS even_calls, calls('double_calls') AS double_calls;
SELECT num FROM double_seen ORDER BY num;
SELECT * FROM public.numbers ORDER BY n, doubled;

--
-- Fourth run: calls nothing.
--
SELECT checkpoint.begin_job('numbers');
CALL checkpoint.map('even', input => 'SELECT num FROM raw_numbers WHERE num < 50', udf => 'is_even(num) AS even');
CALL checkpoint.gen('res', input => 'SELECT num, even FROM even WHERE num < 20', udf => 'double_it(num, even)');
CALL checkpoint.save('public.numbers', 'SELECT * FROM res');
SELECT checkpoint.end_job();
SELECT calls('even_calls') AS even_calls, calls('double_calls') AS double_calls;
SELECT count(*), sum(doubled) FROM public.numbers;

--
-- Fifth run: is_even is replaced after it has finished.  It is computed again;
-- its rows equal the old ones, so res is reused all the same.
--
CREATE OR REPLACE FUNCTION is_even(num int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('even_calls');
	RETURN num & 1 = 0;
END $$;

SELECT checkpoint.begin_job('numbers');
CALL checkpoint.map('even', input => 'SELECT num FROM raw_numbers WHERE num < 50', udf => 'is_even(num) AS even');
CALL checkpoint.gen('res', input => 'SELECT num, even FROM even WHERE num < 20', udf => 'double_it(num, even)');
CALL checkpoint.save('public.numbers', 'SELECT * FROM res');
SELECT checkpoint.end_job();
SELECT calls('even_calls') AS even_calls, calls('double_calls') AS double_calls;
SELECT count(*), sum(doubled) FROM public.numbers;

-- The five runs, for somebody who did not see them.
SELECT * FROM steps;
SELECT job_id, name, status, rerun_of FROM checkpoint.jobs ORDER BY job_id;

SET client_min_messages = warning;
DROP VIEW public.numbers, steps;
DROP FUNCTION is_even, double_it, calls;
DROP TABLE raw_numbers, double_seen;
DROP SEQUENCE even_calls, double_calls;
