--
-- Rule 17: state survives ALTER EXTENSION UPDATE, and a dump of an older version
-- can be restored into a newer one.  What was half done continues, what was
-- finished is reused.  An updated extension is the same as a fresh one.
--
\getenv srcdir PG_ABS_SRCDIR
\set version_1_0 :srcdir '/data/version_1_0.sql'
\set rerun :srcdir '/data/rerun_1_0.sql'
\set members_of :srcdir '/data/members.sql'
\set VERBOSITY terse
SELECT current_database() AS regression \gset
SET client_min_messages = warning;
CREATE ROLE regress_upgrade;
CREATE DATABASE regression_updated TEMPLATE template0;
CREATE DATABASE regression_restored TEMPLATE template0;

--
-- The dump is restored into the newer version.
--
\c regression_restored
CREATE EXTENSION checkpoint;
\i :members_of
\set fresh :members
\set ECHO errors
\i :version_1_0
\set ECHO all
\i :rerun

--
-- The database is updated.
--
\c regression_updated
CREATE EXTENSION checkpoint VERSION '1.0';
\set ECHO errors
\i :version_1_0
\set ECHO all
-- until then, jobs are refused, and what there is can be seen
SET ROLE regress_upgrade;
\set VERBOSITY default
SELECT checkpoint.begin_job('whole');
\set VERBOSITY terse
SELECT job_id, name, owner FROM checkpoint.jobs;
RESET ROLE;
ALTER EXTENSION checkpoint UPDATE;
\i :members_of
SELECT :'members' = :'fresh' AS same_as_fresh;
-- published names and result tables are as if this version had made them
SELECT target, step, job_id, checkpoint_id, as_table FROM checkpoint.published;
SELECT count(*) AS tables, count(t.oid) AS read_only
FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'checkpoint_read_only' AND t.tgenabled = 'A'
WHERE c.relnamespace = 'checkpoint_data'::regnamespace AND c.relkind = 'r';
\i :rerun

\c :regression
SET client_min_messages = warning;
DROP DATABASE regression_updated;
DROP DATABASE regression_restored;
DROP ROLE regress_upgrade;
