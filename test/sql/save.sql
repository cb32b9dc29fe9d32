--
-- save: publishes a result under a stable name, as a view, in one transaction.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_reader;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA save;
GRANT USAGE ON SCHEMA save TO regress_reader;
SET search_path = save;
CREATE TABLE source (x int);
INSERT INTO source SELECT generate_series(1, 3);
CREATE VIEW show_steps AS
SELECT step, kind, action, rows_total, rows_output FROM checkpoint.steps;

--
-- A view; sys__ columns are left out.
--
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'x * 10 AS y');
CALL checkpoint.save('save.target', 'SELECT * FROM m');
SELECT checkpoint.end_job();
SELECT * FROM target ORDER BY x;
SELECT c.relkind, c.relowner = current_user::regrole AS mine,
	string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = 'target'::regclass AND a.attnum > 0 GROUP BY 1, 2;
-- the rows are stored: what happens to the source does not show
INSERT INTO source VALUES (4);
SELECT count(*) FROM target;

--
-- Replacing it keeps grants, comments and what depends on it.
--
GRANT SELECT ON target TO regress_reader;
COMMENT ON VIEW target IS 'the result';
CREATE VIEW dependent AS SELECT sum(y) FROM target;
CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM save.target);
SELECT 'target'::regclass::oid AS oid \gset
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'x * 10 AS y');
CALL checkpoint.save('save.target', 'SELECT * FROM m');
SELECT checkpoint.end_job();
SELECT count(*) FROM target;
SELECT * FROM dependent;
SELECT reads();
SELECT 'target'::regclass::oid = :oid AS same_view, obj_description('target'::regclass, 'pg_class');
SET ROLE regress_reader;
SELECT count(*) FROM save.target;
RESET ROLE;

-- A rerun with nothing new changes nothing.
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'x * 10 AS y');
CALL checkpoint.save('save.target', 'SELECT * FROM m');
SELECT checkpoint.end_job();
SELECT count(*) FROM target;
-- When somebody dropped the view, it is made again.
DROP VIEW dependent;
DROP FUNCTION reads;
DROP VIEW target;
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'x * 10 AS y');
CALL checkpoint.save('save.target', 'SELECT * FROM m');
SELECT checkpoint.end_job();
SELECT count(*) FROM target;
-- When somebody put something else into it, that is not replaced: 42809.
CREATE OR REPLACE VIEW target AS SELECT 0 AS x, 0 AS y;
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.save('save.target', 'SELECT x, x * 10 AS y FROM source');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM target;
-- and the job goes on
DROP VIEW target;
CALL checkpoint.save('save.target', 'SELECT x, x * 10 AS y FROM source');
SELECT count(*) FROM target;
SELECT checkpoint.end_job();

--
-- Columns: more may follow; others are refused, before anything is done, if
-- something depends on the view.
--
SELECT checkpoint.begin_job('columns') AS job \gset
CALL checkpoint.save('"save".target', 'SELECT x, x * 10 AS y, ''more'' AS z FROM source');
SELECT * FROM target WHERE x = 1;
CREATE VIEW dependent AS SELECT z FROM target;
CREATE FUNCTION reads() RETURNS SETOF target LANGUAGE sql BEGIN ATOMIC SELECT * FROM target; END;
SELECT checkpoint.begin_job('columns') AS job \gset
\set VERBOSITY default
CALL checkpoint.save('target', 'SELECT x, x * 10 AS y FROM source');
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('target', 'SELECT x, x AS other, ''more'' AS z FROM source');
CALL checkpoint.save('target', 'SELECT x::bigint, x AS y, ''more'' AS z FROM source');
CALL checkpoint.save('target', 'SELECT x AS y, x, ''more'' AS z FROM source');
CALL checkpoint.save('target', 'SELECT x, x AS y, ''more''::varchar(10) AS z FROM source');
CALL checkpoint.save('target', 'SELECT x, x AS y, ''more'' COLLATE "C" AS z FROM source');
SELECT * FROM target WHERE x = 1;
-- and the job goes on
SELECT count(*) AS steps FROM checkpoint.steps WHERE job_id = :job;
CALL checkpoint.save('target', 'SELECT x, x * 100 AS y, ''still'' AS z FROM source');
SELECT * FROM target WHERE x = 1;
SELECT checkpoint.end_job();
DROP FUNCTION reads;
DROP VIEW dependent;

--
-- Targets.
--
SELECT checkpoint.begin_job('targets') AS job \gset
CREATE TABLE a_table (x int);
CREATE MATERIALIZED VIEW a_matview AS SELECT 1 AS x;
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (x int);
\set VERBOSITY default
CALL checkpoint.save('a_table', 'SELECT x FROM source');
\set VERBOSITY terse
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('a_matview', 'SELECT x FROM source');
CALL checkpoint.save('a_sequence', 'SELECT x FROM source');
CALL checkpoint.save('a_type', 'SELECT x FROM source');
CALL checkpoint.save('no_such_schema.t', 'SELECT x FROM source');
CALL checkpoint.save('checkpoint_data.t', 'SELECT x FROM source');
CALL checkpoint.save('a.b.c.d', 'SELECT x FROM source');
CALL checkpoint.save('', 'SELECT x FROM source');
CALL checkpoint.save('two words', 'SELECT x FROM source');
CALL checkpoint.save(NULL, 'SELECT x FROM source');
SELECT count(*) AS steps FROM checkpoint.steps WHERE job_id = :job;
SELECT relname FROM pg_class WHERE relnamespace = 'save'::regnamespace AND relkind = 'v' ORDER BY 1;

-- unqualified: in the first schema of the search_path, as CREATE VIEW does
CALL checkpoint.save('unqualified', 'SELECT x FROM source');
SELECT count(*) FROM save.unqualified;
-- quoted, and folded as SQL does
CALL checkpoint.save('"save"."Quoted ""Name"" of.dots"', 'SELECT x AS "A B", x AS "c""d" FROM source');
SELECT "A B", "c""d" FROM "Quoted ""Name"" of.dots" WHERE "A B" = 1;
CALL checkpoint.save('Save.FOLDED', 'SELECT x FROM source');
SELECT count(*) FROM save.folded;
-- one target twice in one job, however it is written
CALL checkpoint.save('save.folded', 'SELECT x FROM source');
\echo :LAST_ERROR_SQLSTATE
-- a step of the same name is another thing
CALL checkpoint.query('folded', 'SELECT 1 AS of_the_step');
CALL checkpoint.query('reads step', 'SELECT * FROM folded');
CALL checkpoint.query('reads view', 'SELECT count(*) FROM save.folded');
SELECT * FROM show_steps WHERE step IN ('save.folded', 'folded', 'reads step', 'reads view');
SELECT checkpoint.end_job();

--
-- The query may read what is published already: the old rows, and from then on
-- the new ones.
--
SELECT checkpoint.begin_job('self') AS job \gset
CALL checkpoint.save('save.self', 'SELECT 1 AS n');
SELECT checkpoint.begin_job('self') AS job \gset
CALL checkpoint.save('save.self', 'SELECT n + 1 AS n FROM save.self');
SELECT * FROM self;
SELECT checkpoint.begin_job('self') AS job \gset
CALL checkpoint.save('save.self', 'SELECT n + 1 AS n FROM save.self');
SELECT * FROM self;
SELECT checkpoint.end_job();

--
-- A query that fails half-way leaves the old rows.
--
SELECT checkpoint.begin_job('fails') AS job \gset
CALL checkpoint.save('save.target', 'SELECT x, 12 / (3 - x) AS y, ''fails'' AS z FROM source');
SELECT count(*), min(z) FROM target;
SELECT step, action, reason FROM checkpoint.steps WHERE job = 'fails';
SELECT state FROM checkpoint.checkpoints WHERE job = 'fails';

-- Zero rows are a result, too.
SELECT checkpoint.begin_job('fails') AS job \gset
CALL checkpoint.save('save.target', 'SELECT x, x AS y, ''none'' AS z FROM source WHERE false');
SELECT count(*) FROM target;
SELECT checkpoint.end_job();

--
-- Who may replace what: a view that the job's owner owns and that was published.
-- All else is refused before the step starts, and the job goes on.
--
SET client_min_messages = warning;
CREATE ROLE regress_team;
CREATE ROLE regress_ann IN ROLE regress_team;
RESET client_min_messages;
GRANT CREATE, USAGE ON SCHEMA save TO regress_team, regress_ann;
GRANT SELECT ON source TO regress_team, regress_ann;
SET ROLE regress_team;
CREATE VIEW of_team AS SELECT x FROM source;
SELECT checkpoint.begin_job('team') AS job \gset
CALL checkpoint.save('save.by_team', 'SELECT x FROM save.source');
SELECT checkpoint.end_job();
\set VERBOSITY default
-- not its owner: a member of the owning role, a superuser
SET ROLE regress_ann;
SELECT checkpoint.begin_job('ann') AS job \gset
CALL checkpoint.save('save.by_team', 'SELECT x FROM save.source');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
CALL checkpoint.save('save.of_team', 'SELECT x FROM save.source');
CALL checkpoint.save('save.source', 'SELECT x FROM save.source');
SELECT checkpoint.end_job();
RESET ROLE;
SELECT checkpoint.begin_job('super') AS super_job \gset
CALL checkpoint.save('save.by_team', 'SELECT x FROM save.source');
CALL checkpoint.save('save.of_team', 'SELECT x FROM save.source');
-- made by hand, even over a checkpoint's output
\set VERBOSITY default
CREATE VIEW by_hand AS SELECT 1 AS x;
CALL checkpoint.save('save.by_hand', 'SELECT x FROM source');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
CALL checkpoint.save('save.published', 'SELECT x FROM source');
SELECT output_table AS output FROM checkpoint.steps WHERE step = 'save.published' \gset
CREATE VIEW by_hand_too AS SELECT x FROM :output;
CREATE TABLE table_by_hand (x int);
CALL checkpoint.save('save.by_hand_too', 'SELECT x FROM source');
CALL checkpoint.save('save.table_by_hand', 'SELECT x FROM source');
-- temporary schemas
\set VERBOSITY default
CALL checkpoint.save('pg_temp.v', 'SELECT x FROM source');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
CREATE TEMP TABLE t ();
SELECT nspname || '.v' AS temp_target FROM pg_namespace WHERE oid = pg_my_temp_schema() \gset
CALL checkpoint.save(:'temp_target', 'SELECT x FROM source');
SET search_path = pg_temp, save;
CALL checkpoint.save('v', 'SELECT x FROM source');
SET search_path = save;
-- nothing was recorded of all that, and the views are as they were
SELECT step, action FROM checkpoint.steps WHERE job_id = :super_job;
SELECT checkpoint.end_job();
SELECT c.oid::regclass AS view, c.relowner = current_user::regrole AS mine, (SELECT count(*) FROM by_hand) AS rows
FROM pg_class c WHERE c.oid IN ('by_hand'::regclass, 'by_team'::regclass, 'of_team'::regclass)
ORDER BY c.oid::regclass::text COLLATE "C";

-- Published, then changed by hand: it still shows an output, but not as it is.
SELECT checkpoint.begin_job('super') AS job \gset
\set VERBOSITY terse
CREATE OR REPLACE VIEW published AS SELECT x FROM :output WHERE x > 1;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
CREATE OR REPLACE VIEW published AS SELECT x FROM :output LIMIT 1;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
CREATE OR REPLACE VIEW published AS SELECT DISTINCT x FROM :output;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
CREATE OR REPLACE VIEW published AS SELECT x FROM :output, (SELECT) y;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
CREATE OR REPLACE VIEW published AS SELECT x FROM :output TABLESAMPLE SYSTEM (1);
CALL checkpoint.save('save.published', 'SELECT x FROM source');
CREATE OR REPLACE VIEW published AS SELECT x + 0 AS x FROM :output;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
-- a table that is no output
CREATE OR REPLACE VIEW published AS SELECT x FROM source;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
-- as it was
CREATE OR REPLACE VIEW published AS SELECT x FROM :output;
CALL checkpoint.save('save.published', 'SELECT x FROM source');
SELECT checkpoint.end_job();

-- A view that appears under the name while the step runs is not replaced either.
CREATE FUNCTION makes_view() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	CREATE OR REPLACE VIEW save.meanwhile AS SELECT 0 AS x;
	RETURN 1;
END $$;
SELECT checkpoint.begin_job('super') AS job \gset
CALL checkpoint.save('save.meanwhile', 'SELECT makes_view() AS x');
SELECT * FROM meanwhile;
SELECT action FROM checkpoint.steps WHERE job_id = :job;

--
-- What is published; each role sees its own.
--
SELECT p.target, p.step, p.job_id = s.job_id AS of_last, p.checkpoint_id = s.checkpoint_id AS shown,
	p.since < s.ended_at AS since_before, p.as_table
FROM checkpoint.published p
	CROSS JOIN LATERAL (SELECT * FROM checkpoint.steps s WHERE s.step = p.step AND s.action <> 'failed'
		ORDER BY s.job_id DESC LIMIT 1) s ORDER BY 1;
SET ROLE regress_team;
SELECT target FROM checkpoint.published;
RESET ROLE;
-- since when its rows are shown, and who was last to publish
SELECT since FROM checkpoint.published WHERE target = 'save.published' \gset
SELECT checkpoint.begin_job('super') AS job \gset
CALL checkpoint.save('save.published', 'SELECT x FROM source');
SELECT since = :'since' AS same_since, job_id = :job AS this_job FROM checkpoint.published WHERE target = 'save.published';
INSERT INTO source VALUES (99);
SELECT checkpoint.begin_job('super') AS job \gset
CALL checkpoint.save('save.published', 'SELECT x FROM source');
SELECT since > :'since' AS since_now, job_id = :job AS this_job FROM checkpoint.published WHERE target = 'save.published';
SELECT checkpoint.end_job();
DROP VIEW published;
SELECT count(*) FROM checkpoint.published WHERE target = 'save.published';

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA save CASCADE;
DROP OWNED BY regress_team, regress_ann;
DROP ROLE regress_reader, regress_team, regress_ann;
