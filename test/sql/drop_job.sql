--
-- drop_job drops a run group: its checkpoints, with their tables, its jobs and its
-- steps; or nothing of it, if something is pinned, published or in use.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_drop_owner;
CREATE ROLE regress_drop_other;
CREATE ROLE regress_drop_both IN ROLE regress_drop_owner, regress_drop_other;
CREATE ROLE regress_drop_stranger;
CREATE SCHEMA dropping;
GRANT ALL ON SCHEMA dropping TO PUBLIC;
SET search_path = dropping;
\pset format unaligned
\set SHOW_CONTEXT never

-- run runs a job of two steps.
CREATE PROCEDURE run(job text, udf text = 'x + 1 AS y') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('m', 'SELECT generate_series(1, 10) AS x', udf);
	CALL checkpoint.query('q', 'SELECT sum(y) AS s FROM m');
	PERFORM checkpoint.end_job();
END $$;
CREATE VIEW everything AS
SELECT 'job' AS what, name, owner FROM checkpoint.jobs
UNION ALL SELECT 'step', job, step FROM checkpoint.steps
UNION ALL SELECT 'checkpoint', job, owner FROM checkpoint.checkpoints
UNION ALL SELECT 'table', relname, pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'error', checkpoint_id::text, step FROM checkpoint.errors
ORDER BY 1, 2, 3;
GRANT SELECT ON everything TO PUBLIC;

SET ROLE regress_drop_owner;
CALL run('one');
CALL run('one', 'x + 2 AS y');
CALL run('one', '10 / (x - 5) AS y');
CALL run('other', 'x + 3 AS y');
TABLE everything;
CALL checkpoint.drop_job('one');
TABLE everything;
-- it can begin anew
CALL run('one');
CALL checkpoint.drop_job('one');

-- Pinned or published: nothing is dropped.
CALL run('one');
CALL run('one', 'x + 2 AS y');
SELECT max(checkpoint_id) AS last FROM checkpoint.checkpoints WHERE job = 'one' \gset
SELECT checkpoint.pin(:last);
SELECT count(*) AS before FROM everything \gset
CALL checkpoint.drop_job('one');
SELECT checkpoint.unpin(:last);
SELECT checkpoint.begin_job('one');
CALL checkpoint.save('dropping.target', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
CALL checkpoint.drop_job('one');
-- by it is published what another job has computed
SELECT checkpoint.begin_job('publisher');
CALL checkpoint.save('dropping.target2', 'SELECT 1 AS x');
SELECT checkpoint.end_job();
CALL checkpoint.drop_job('publisher');
SELECT target, job_id = (SELECT max(job_id) FROM checkpoint.jobs WHERE name = 'publisher') AS by_publisher
FROM checkpoint.published ORDER BY 1;
SELECT checkpoint.unpublish('target2');
CALL checkpoint.drop_job('publisher');
DROP VIEW target;
-- in use: by a run of it, or by another job that has reused a result of it
SELECT checkpoint.begin_job('one');
\set VERBOSITY terse
CALL checkpoint.drop_job('one');
\set VERBOSITY default
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('another');
CALL checkpoint.query('q', 'SELECT 1 AS x');
CALL checkpoint.map('mine', 'SELECT generate_series(1, 10) AS x', 'x + 1 AS y');
CALL checkpoint.drop_job('one');
SELECT checkpoint.end_job();
-- something depends on a table
SELECT output_table FROM checkpoint.steps WHERE job = 'one' AND step = 'q' ORDER BY job_id LIMIT 1 \gset
CREATE VIEW on_output AS SELECT * FROM :output_table;
CALL checkpoint.drop_job('one');
DROP VIEW on_output;
SELECT count(*) > :before AS all_there FROM everything;
-- in a transaction block
BEGIN;
CALL checkpoint.drop_job('one');
SELECT count(*) FROM checkpoint.jobs WHERE name = 'one';
ROLLBACK;
CALL checkpoint.drop_job('one');
CALL checkpoint.drop_job('another');
CALL checkpoint.drop_job('other');
TABLE everything;

-- Which job?
CALL checkpoint.drop_job('nobodys');
CALL checkpoint.drop_job(NULL);
CALL run('ours');
SET ROLE regress_drop_stranger;
CALL checkpoint.drop_job('ours');
-- a member's own first, else the only one that it sees
SET ROLE regress_drop_both;
CALL run('ours');
CALL checkpoint.drop_job('ours');
TABLE everything;
CALL checkpoint.drop_job('ours');
TABLE everything;
SET ROLE regress_drop_owner;
CALL run('ours');
SET ROLE regress_drop_other;
CALL run('ours');
CALL run('others');
SET ROLE regress_drop_both;
CALL checkpoint.drop_job('ours');
SELECT * FROM checkpoint.explain_job('ours');
SELECT step, action FROM checkpoint.explain_job('others');
RESET ROLE;
CALL checkpoint.drop_job('ours');
SET ROLE regress_drop_other;
CALL checkpoint.drop_job('ours');
RESET ROLE;
CALL checkpoint.drop_job('ours');
CALL checkpoint.drop_job('others');
TABLE everything;
SET default_transaction_read_only = on;
CALL checkpoint.drop_job('ours');
RESET default_transaction_read_only;

DROP SCHEMA dropping CASCADE;
DROP ROLE regress_drop_owner, regress_drop_other, regress_drop_both, regress_drop_stranger;
