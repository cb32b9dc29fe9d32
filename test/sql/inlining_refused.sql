--
-- A step is not inlined where its result could differ, or something was asked for
-- that needs tables: a NOTICE and the step's reason say why.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA refused;
SET search_path = refused;
CREATE TABLE source AS SELECT g AS v FROM generate_series(1, 3) g;
CREATE SEQUENCE counter;
CREATE FUNCTION volatile_one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION stable_one() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE VIEW behind AS SELECT volatile_one() AS one;
CREATE TEMP TABLE temporary AS SELECT 1 AS one;
CREATE TEMP VIEW temporary_view AS SELECT v FROM source;
CREATE FUNCTION pg_temp.f(v int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT v';
CREATE TYPE pg_temp.pair AS (a int, b int);
SET checkpoint.materialize = never;

SELECT checkpoint.begin_job('refused');
CALL checkpoint.query('random', 'SELECT random() > 2 AS r');
CALL checkpoint.query('counter', 'SELECT nextval(''counter'') AS n');
CALL checkpoint.query('volatile', 'SELECT v FROM source WHERE v = (SELECT volatile_one())');
CALL checkpoint.query('view', 'SELECT one FROM behind');
CALL checkpoint.query('sample', 'SELECT v FROM source TABLESAMPLE system (100)');
CALL checkpoint.query('temp_table', 'SELECT one FROM temporary');
CALL checkpoint.query('temp_view', 'SELECT v FROM temporary_view');
CALL checkpoint.query('temp_function', 'SELECT pg_temp.f(v) AS f FROM source');
CALL checkpoint.query('temp_type', 'SELECT (row(v, v)::pg_temp.pair).a FROM source');
-- other settings and hints ask for it, too
SET checkpoint.materialize = default_off;
CALL checkpoint.query('default_off', 'SELECT volatile_one() AS one');
RESET checkpoint.materialize;
CALL checkpoint.query('false', 'SELECT volatile_one() AS one', materialized => false);
-- nothing was asked for
CALL checkpoint.query('null', 'SELECT volatile_one() AS one');
SET checkpoint.materialize = never;
-- these are no obstacles
CALL checkpoint.query('stable', 'SELECT stable_one() AS one, now() AS at, v FROM source');
CALL checkpoint.query('arguments', 'SELECT 1 AS one', cache_version => 'x', code_version => 'y', depends_on => 'SELECT v FROM source', probe => 'SELECT 1 AS p');
-- and these are always stored
CALL checkpoint.agg('agg', 'SELECT v FROM source', 'sum(v) AS s', partition_by => '');
CALL checkpoint.save('refused.saved', 'SELECT one FROM stable');
SELECT step, action, rows_output, reason FROM checkpoint.steps;
SELECT checkpoint.end_job();

--
-- Reading it needs the rights that its own call needed
--
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_inliner;
CREATE ROLE regress_inliner;
RESET client_min_messages;
CREATE TABLE secret AS SELECT g AS v, g % 2 = 0 AS shown FROM generate_series(1, 4) g;
GRANT USAGE ON SCHEMA refused TO regress_inliner;
GRANT SELECT ON secret TO regress_inliner;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY shown ON secret USING (shown);
SET ROLE regress_inliner;
SELECT checkpoint.begin_job('rights');
CALL checkpoint.query('a', 'SELECT v FROM secret');
RESET ROLE;
-- somebody else goes on with the job of that role
CALL checkpoint.query('b', 'SELECT v FROM a', materialized => true);
SET checkpoint.materialize = always;
CALL checkpoint.query('c', 'SELECT v FROM a');
SELECT step, action, rows_output FROM checkpoint.steps WHERE job = 'rights';
REVOKE SELECT ON secret FROM regress_inliner;
CALL checkpoint.query('d', 'SELECT v FROM a');
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA refused CASCADE;
DROP OWNED BY regress_inliner CASCADE;
DROP ROLE regress_inliner;
