--
-- Publishing: who may replace what, what stays, what is told.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_reader;
CREATE ROLE regress_other;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA publishing;
SET search_path = publishing;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 5);

--
-- save(step => ...): the step has a name of its own, by which its rows, not yet
-- the target's, can be read; the target's name means what is published.
--
SELECT checkpoint.begin_job('candidate') AS job \gset
CALL checkpoint.save('publishing.numbers', 'SELECT x FROM source', step => 'candidate');
SELECT checkpoint.begin_job('candidate', publish => 'end') AS job \gset
INSERT INTO source VALUES (6), (7);
CALL checkpoint.save('publishing.numbers', 'SELECT x FROM source', step => 'candidate');
CALL checkpoint.query('added', 'SELECT x FROM candidate EXCEPT SELECT x FROM publishing.numbers');
SELECT x FROM checkpoint_data.candidate_added_3_output ORDER BY x;
SELECT step, kind, action FROM checkpoint.steps WHERE job_id = :job;
SELECT target, step, job_id, checkpoint_id, as_table FROM checkpoint.published;
-- a step of that name is refused once more, a name that is none is refused
CALL checkpoint.save('publishing.more', 'SELECT x FROM source', step => 'candidate');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publishing.more', 'SELECT x FROM source', step => '');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publishing.more', 'SELECT x FROM source', step => 'sys__more');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('enough');

--
-- check_empty: fails if the query returns a row, and shows how many and the first
-- three.  It is made in each run.
--
SELECT checkpoint.begin_job('checks') AS job \gset
CALL checkpoint.query('q', 'SELECT x, ''row '' || x AS t FROM source');
CALL checkpoint.check_empty('no negative', 'SELECT * FROM q WHERE x < 0');
\set VERBOSITY default
CALL checkpoint.check_empty('small', 'SELECT * FROM q WHERE x > 2 ORDER BY x', 'numbers must be small');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT status, error FROM checkpoint.jobs WHERE job_id = :job;
SELECT checkpoint.end_job();
-- called again, it is looked at once more, and the job goes on
CALL checkpoint.check_empty('small', 'SELECT * FROM q WHERE x > 7');
SELECT step, kind, action, reason, checkpoint_id, rows_total, rows_output FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.end_job();
SELECT step, kind, action, rows_total, reason FROM checkpoint.explain_job('checks');
SELECT checkpoint.begin_job('checks') AS job \gset
CALL checkpoint.query('q', 'SELECT x, ''row '' || x AS t FROM source');
CALL checkpoint.check_empty('no negative', 'SELECT * FROM q WHERE x < 0');
\set VERBOSITY default
CALL checkpoint.check_empty('one', 'SELECT x, NULL AS n, repeat(''x'', 300) AS long FROM q WHERE x = 1');
\set VERBOSITY terse
\set VERBOSITY default
CALL checkpoint.check_empty('one', 'SELECT FROM q WHERE x < 4');
\set VERBOSITY terse
-- and where the server runs the query in parallel
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
\set VERBOSITY default
CALL checkpoint.check_empty('one', 'SELECT t FROM q WHERE x = 4');
\set VERBOSITY terse
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET parallel_leader_participation;
CALL checkpoint.check_empty('one', 'SELECT FROM q WHERE x < 0');
CALL checkpoint.check_empty('again', NULL);
CALL checkpoint.check_empty(NULL, 'SELECT 1');
SELECT step FROM checkpoint.checkpoints WHERE job = 'checks';

--
-- A target that shows its rows already is not touched.
--
SELECT checkpoint.begin_job('unchanged') AS job \gset
CALL checkpoint.save('publishing.same', 'SELECT x FROM source');
SELECT checkpoint.end_job();
SELECT xmin AS was FROM pg_class WHERE oid = 'same'::regclass \gset
SELECT since AS since FROM checkpoint.published WHERE target = 'publishing.same' \gset
SELECT checkpoint.begin_job('unchanged') AS job \gset
CALL checkpoint.save('publishing.same', 'SELECT x FROM source ORDER BY x DESC');
SELECT checkpoint.end_job();
SELECT c.xmin = :'was' AS untouched, p.since = :'since' AS same_since, p.job_id = :job AS by_last
FROM pg_class c, checkpoint.published p WHERE c.oid = 'same'::regclass AND p.target = 'publishing.same';

--
-- Other columns, and nothing depends on the view: it is made anew, with its
-- owner, grants, options and comments.
--
GRANT USAGE ON SCHEMA publishing TO regress_reader, regress_other;
ALTER VIEW same SET (security_barrier = true);
COMMENT ON VIEW same IS 'of the view';
SELECT checkpoint.begin_job('unchanged') AS job \gset
CALL checkpoint.save('publishing.same', 'SELECT x, x::text AS t, 1 AS gone FROM source');
GRANT SELECT, TRIGGER ON same TO regress_reader;
GRANT SELECT (x), SELECT (gone), UPDATE (t) ON same TO regress_other WITH GRANT OPTION;
SET ROLE regress_other;
GRANT SELECT (x) ON publishing.same TO regress_reader;
RESET ROLE;
COMMENT ON COLUMN same.x IS 'of x';
COMMENT ON COLUMN same.gone IS 'of gone';
SELECT checkpoint.end_job();
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_other;
SELECT oid AS was, relacl AS acl FROM pg_class WHERE oid = 'same'::regclass \gset
SELECT attacl AS acl_x FROM pg_attribute WHERE attrelid = 'same'::regclass AND attname = 'x' \gset
SELECT checkpoint.begin_job('unchanged') AS job \gset
CALL checkpoint.save('publishing.same', 'SELECT x::bigint, x AS t FROM source');
SELECT checkpoint.end_job();
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_other;
SELECT oid = :was AS same_oid, relacl::text = :'acl' AS same_acl, reloptions, obj_description(oid, 'pg_class')
FROM pg_class WHERE oid = 'same'::regclass;
SELECT attname, format_type(atttypid, atttypmod), attacl::text = :'acl_x' AS same_acl, attacl IS NOT NULL AS acl,
	col_description(attrelid, attnum)
FROM pg_attribute WHERE attrelid = 'same'::regclass AND attnum > 0;
SET ROLE regress_reader;
SELECT count(*) FROM publishing.same;
RESET ROLE;
-- the privileges are known to depend on the roles
SELECT count(*) FROM pg_shdepend d WHERE d.classid = 'pg_class'::regclass AND d.objid = 'same'::regclass AND d.deptype = 'a';
REVOKE ALL ON same FROM regress_reader, regress_other CASCADE;
REVOKE ALL (x, t) ON same FROM regress_reader, regress_other CASCADE;
SELECT count(*) FROM pg_shdepend d WHERE d.classid = 'pg_class'::regclass AND d.objid = 'same'::regclass AND d.deptype = 'a';
-- what the view has beside its query and columns would be lost: that is refused
CREATE RULE also AS ON DELETE TO same DO INSTEAD NOTHING;
SELECT checkpoint.begin_job('unchanged') AS job \gset
\set VERBOSITY default
CALL checkpoint.save('publishing.same', 'SELECT x FROM source');
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
DROP RULE also ON same;
-- and the job goes on
CALL checkpoint.save('publishing.same', 'SELECT x FROM source');
SELECT checkpoint.end_job();

--
-- Two jobs with one target: the second is told whose it was.
--
SELECT checkpoint.begin_job('second') AS job \gset
\set VERBOSITY default
CALL checkpoint.save('publishing.same', 'SELECT x FROM source WHERE x < 3');
\set VERBOSITY terse
SELECT checkpoint.end_job();
SELECT target, job_id = :job AS second FROM checkpoint.published WHERE target = 'publishing.same';

--
-- end_job says what the run group has published, and this run has not.
--
SELECT checkpoint.begin_job('second') AS job \gset
CALL checkpoint.save('publishing.another', 'SELECT x FROM source');
\set VERBOSITY default
SELECT checkpoint.end_job();
\set VERBOSITY terse
-- of another job nothing is said, nor of what is gone
SELECT checkpoint.begin_job('unchanged') AS job \gset
SELECT checkpoint.end_job();
DROP VIEW same;
SELECT checkpoint.begin_job('second') AS job \gset
CALL checkpoint.save('publishing.another', 'SELECT x FROM source');
SELECT checkpoint.end_job();

--
-- unpublish.
--
CREATE VIEW on_another AS SELECT * FROM another;
SELECT checkpoint.unpublish('another');
\echo :LAST_ERROR_SQLSTATE
SELECT target FROM checkpoint.published ORDER BY target;
DROP VIEW on_another;
SET ROLE regress_other;
SELECT checkpoint.unpublish('publishing.another');
\echo :LAST_ERROR_SQLSTATE
-- without the right to create anything there, a step does not start
SELECT checkpoint.begin_job('no right') AS job \gset
CALL checkpoint.save('publishing.no_right', 'SELECT 1 AS x');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS steps FROM checkpoint.steps WHERE job_id = :job;
SELECT checkpoint.fail_job('no right');
RESET ROLE;
SELECT checkpoint.unpublish('another');
SELECT checkpoint.unpublish('another');
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW by_hand AS SELECT 1 AS x;
SELECT checkpoint.unpublish('publishing.by_hand');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.unpublish('publishing.source');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.unpublish(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT target FROM checkpoint.published ORDER BY target;
SELECT to_regclass('another'), to_regclass('by_hand');
-- a view that was made another thing is none that is published
CREATE OR REPLACE VIEW numbers AS SELECT 1 AS x;
SELECT checkpoint.unpublish('numbers');
\echo :LAST_ERROR_SQLSTATE

SELECT checkpoint.begin_job('words', publish => 'later');
\echo :LAST_ERROR_SQLSTATE

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA publishing CASCADE;
DROP OWNED BY regress_reader, regress_other;
DROP ROLE regress_reader, regress_other;
