SET client_min_messages = warning;
-- The arguments of a call are found by their names in the SQL signature: their
-- order does not matter, and what a signature lacks has its default.
CREATE PROCEDURE turned_round(retries integer, udf text, input text, step text)
AS '$libdir/checkpoint', 'checkpoint_map' LANGUAGE C;

SELECT checkpoint.begin_job('call arguments') > 0 AS begun;
CALL turned_round(0, 'n * 2 AS twice', 'SELECT generate_series(1, 3) AS n', 'doubled');
CALL turned_round(-1, 'n * 2 AS twice', 'SELECT generate_series(1, 3) AS n', 'again');
CALL turned_round(NULL, 'n * 2 AS twice', 'SELECT generate_series(1, 3) AS n', 'null is the default');
SELECT * FROM checkpoint.output('doubled') AS found \gset
SELECT * FROM :found ORDER BY sys__id;

-- An argument that the library does not know is refused, and so is the call.
CREATE PROCEDURE of_the_future(step text, input text, udf text, speed integer = 1)
AS '$libdir/checkpoint', 'checkpoint_map' LANGUAGE C;
CALL of_the_future('fast', 'SELECT 1 AS n', 'n AS m');
CREATE PROCEDURE of_another_step(target text, query text, workers integer)
AS '$libdir/checkpoint', 'checkpoint_save' LANGUAGE C;
CALL of_another_step('public.saved', 'SELECT 1 AS n', 2);

-- A required one that the signature lacks is as good as null.
CREATE PROCEDURE without_udf(step text, input text)
AS '$libdir/checkpoint', 'checkpoint_map' LANGUAGE C;
CALL without_udf('nothing', 'SELECT 1 AS n');
SELECT checkpoint.end_job();
DROP PROCEDURE turned_round, of_the_future, of_another_step, without_udf;

-- A word on record that a later version has written is an error where it has to
-- be understood, and shown as it is elsewhere.
BEGIN;
ALTER TABLE checkpoint.job DROP CONSTRAINT job_status_check;
ALTER TABLE checkpoint.step DROP CONSTRAINT step_kind_check,
	DROP CONSTRAINT step_action_check;
UPDATE checkpoint.job SET status = 'sorted' WHERE name = 'call arguments'
RETURNING job_id AS job \gset
UPDATE checkpoint.step SET kind = 'sort', action = 'sorted' WHERE job_id = :job;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
SELECT step, kind, action FROM checkpoint.steps WHERE job_id = :job;
SAVEPOINT before;
SELECT * FROM checkpoint.explain_job('call arguments');
ROLLBACK TO before;
SELECT checkpoint.fail_job('it is over', :job);
ROLLBACK;
