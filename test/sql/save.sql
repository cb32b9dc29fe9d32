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
-- When somebody dropped the view, or put something else into it, it is made again.
DROP VIEW dependent;
DROP FUNCTION reads;
DROP VIEW target;
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.map('m', 'SELECT x FROM source', 'x * 10 AS y');
CALL checkpoint.save('save.target', 'SELECT * FROM m');
SELECT checkpoint.end_job();
SELECT count(*) FROM target;
CREATE OR REPLACE VIEW target AS SELECT 0 AS x, 0 AS y;
SELECT checkpoint.begin_job('save') AS job \gset
CALL checkpoint.save('save.target', 'SELECT x, x * 10 AS y FROM source');
SELECT count(*) FROM target;
SELECT checkpoint.end_job();

--
-- Columns: more may follow; others are refused, before anything is done.
--
SELECT checkpoint.begin_job('columns') AS job \gset
CALL checkpoint.save('"save".target', 'SELECT x, x * 10 AS y, ''more'' AS z FROM source');
SELECT * FROM target WHERE x = 1;
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

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA save CASCADE;
DROP ROLE regress_reader;
