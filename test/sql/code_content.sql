--
-- Rules 3 and 4: tables that a UDF itself reads, and rows that the call says the
-- code depends on, are part of the code, by their content; a version that the user
-- names stands for all of it.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA content;
SET search_path = content;
CREATE TABLE price (n int, p int, unread int);
INSERT INTO price VALUES (1, 10, 0), (2, 20, 0);
CREATE VIEW prices AS SELECT n, p FROM price;
CREATE TABLE model (weight int);
INSERT INTO model VALUES (2);
CREATE FUNCTION f(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN n * (SELECT weight FROM content.model); END$$;
-- how often the rows of model were read
CREATE SEQUENCE reads;
CREATE FUNCTION read(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM nextval('content.reads'); RETURN v; END$$;
CREATE FUNCTION was_read() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('content.reads') - 1;
BEGIN
	PERFORM setval('content.reads', 1, false);
	RETURN CASE WHEN n > 0 THEN 'read' ELSE 'not read' END;
END $$;

CREATE PROCEDURE run() LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	PERFORM checkpoint.begin_job('content');
	CALL checkpoint.map('table', 'SELECT * FROM generate_series(1, 2) n', '(SELECT p FROM price WHERE price.n = input.n) AS y');
	CALL checkpoint.map('view', 'SELECT * FROM generate_series(1, 2) n', '(SELECT p FROM prices v WHERE v.n = input.n) AS y');
	CALL checkpoint.map('rows', 'SELECT * FROM generate_series(1, 2) n', 'n + (SELECT count(*) FROM price) AS y', workers => 2);
	CALL checkpoint.gen('whole', 'SELECT * FROM generate_series(1, 2) n', 'unnest(ARRAY(SELECT price::text FROM price)) AS y');
	EXECUTE format('SELECT string_agg(y::text, '', '' ORDER BY sys__id) FROM %s', checkpoint.output('table')) INTO y;
	RAISE NOTICE '%', y;
	PERFORM checkpoint.end_job();
END $$;
CALL run();
CALL run();
UPDATE price SET p = 30 WHERE n = 2;
CALL run();
-- what is not read does not count
UPDATE price SET unread = 1;
CALL run();
INSERT INTO price VALUES (3, 30, 1);
CALL run();
DELETE FROM price WHERE n = 3;
UPDATE price SET p = 20, unread = 0 WHERE n IN (1, 2) AND p = 30;
UPDATE price SET unread = 0;
CALL run();
-- as the user may see it, in other sessions, too
CREATE ROLE regress_content;
GRANT USAGE ON SCHEMA content TO regress_content;
GRANT SELECT (n, p) ON price TO regress_content;
SET ROLE regress_content;
SELECT checkpoint.begin_job('content') AS job \gset
CALL checkpoint.map('table', 'SELECT * FROM generate_series(1, 2) n', '(SELECT p FROM content.price WHERE price.n = input.n) AS y');
RESET ROLE;
ALTER TABLE price ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON price USING (n = 1);
SET ROLE regress_content;
SELECT checkpoint.begin_job('content') AS job \gset
CALL checkpoint.map('table', 'SELECT * FROM generate_series(1, 2) n', '(SELECT p FROM content.price WHERE price.n = input.n) AS y');
SELECT checkpoint.end_job();
RESET ROLE;
ALTER TABLE price DISABLE ROW LEVEL SECURITY;
\c -
SET search_path = content;
\set VERBOSITY terse
CALL run();
-- a temporary table
CREATE TEMPORARY TABLE temp_price AS SELECT 5 AS p;
SELECT checkpoint.begin_job('temporary') AS job \gset
CALL checkpoint.map('m', 'SELECT 1 AS n', 'n * (SELECT p FROM temp_price) AS y');
UPDATE temp_price SET p = 6;
SELECT checkpoint.begin_job('temporary') AS job \gset
CALL checkpoint.map('m', 'SELECT 1 AS n', 'n * (SELECT p FROM temp_price) AS y');

--
-- depends_on
--
CREATE PROCEDURE run_depends(depends_on text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('depends');
	CALL checkpoint.map('m', 'SELECT * FROM generate_series(1, 2) n', 'f(n) AS y', workers => 2, depends_on => depends_on);
	CALL checkpoint.query('q', 'SELECT sum(y) FROM m', depends_on => depends_on);
	RAISE NOTICE '%', was_read();
	PERFORM checkpoint.end_job();
END $$;
SELECT was_read();
VACUUM (FREEZE) model;
CALL run_depends('SELECT read(weight) FROM model');
CALL run_depends('SELECT read(weight) FROM model');
\c -
SET search_path = content;
\set VERBOSITY terse
CALL run_depends('SELECT read(weight) FROM model');
UPDATE model SET weight = 3;
VACUUM (FREEZE) model;
CALL run_depends('SELECT read(weight) FROM model');
-- the rows count, not the words, and not that they were written anew
UPDATE model SET weight = 3;
CALL run_depends('SELECT weight AS read FROM model');
CALL run_depends(NULL);
-- it may read earlier steps
SELECT checkpoint.begin_job('depends on step') AS job \gset
CALL checkpoint.query('weights', 'SELECT weight FROM model');
CALL checkpoint.map('m', 'SELECT 1 AS n', 'f(n) AS y', depends_on => 'SELECT * FROM weights');
UPDATE model SET weight = 4;
SELECT checkpoint.end_job();
SELECT step, action, reason FROM checkpoint.explain_job('depends on step');
SELECT checkpoint.begin_job('depends on step') AS job \gset
CALL checkpoint.query('weights', 'SELECT weight FROM model');
SELECT step, action, reason FROM checkpoint.explain_job('depends on step');
CALL checkpoint.map('m', 'SELECT 1 AS n', 'f(n) AS y', depends_on => 'SELECT * FROM weights');
-- an unfinished step is continued
CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN IF n = (SELECT max(weight) FROM content.model) THEN RAISE 'no'; END IF; RETURN n; END$$;
SELECT checkpoint.begin_job('partial') AS job \gset
\set SHOW_CONTEXT never
CALL checkpoint.map('m', 'SELECT * FROM generate_series(1, 5) n', 'fails(n) AS y', depends_on => 'TABLE model');
UPDATE model SET weight = 100;
SELECT checkpoint.begin_job('partial') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM generate_series(1, 5) n', 'fails(n) AS y', depends_on => 'TABLE model');
-- what it may not be
\set VERBOSITY default
CALL checkpoint.map('x', 'SELECT 1 AS n', 'f(n)', depends_on => '');
CALL checkpoint.map('x', 'SELECT 1 AS n', 'f(n)', depends_on => 'SELECT nothing');
CALL checkpoint.map('x', 'SELECT 1 AS n', 'f(n)', depends_on => 'DELETE FROM model');
GRANT EXECUTE ON FUNCTION f TO regress_content;
SET ROLE regress_content;
SELECT checkpoint.begin_job('no rights') AS job \gset
CALL checkpoint.map('x', 'SELECT 1 AS n', 'content.f(n)', depends_on => 'SELECT weight FROM content.model');
RESET ROLE;
\set VERBOSITY terse

--
-- code_version stands for the code: whatever is in it
--
CREATE PROCEDURE run_version(version text, udf text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('version');
	CALL checkpoint.map('m', 'SELECT * FROM generate_series(1, 2) n', udf || ' AS y', workers => 2, code_version => version);
	CALL checkpoint.query('q', 'SELECT n FROM m', code_version => version);
	PERFORM checkpoint.end_job();
END $$;
CREATE FUNCTION g(n int) RETURNS int LANGUAGE sql AS 'SELECT n';
CALL run_version('v1', 'g(n)');
CREATE OR REPLACE FUNCTION g(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1';
CALL run_version('v1', 'g(n)');
CALL run_version('v1', 'g(n) + 0');
CALL run_version('v2', 'g(n)');
CALL run_version('v1', 'g(n)');
CALL run_version(NULL, 'g(n)');
CALL run_version('v 1', 'g(n)');

-- versions have 1 to 255 bytes and are compared as they are
SELECT checkpoint.begin_job('texts') AS job \gset
\set VERBOSITY default
CALL checkpoint.map('x', 'SELECT 1 AS n', 'g(n)', cache_version => '');
CALL checkpoint.map('x', 'SELECT 1 AS n', 'g(n)', code_version => '');
CALL checkpoint.query('x', 'SELECT 1 AS n', cache_version => repeat('x', 256));
\set VERBOSITY sqlstate
CALL checkpoint.save('x', 'SELECT 1 AS n', code_version => repeat('ü', 128));
\set VERBOSITY terse
CALL checkpoint.map('x', 'SELECT 1 AS n', 'g(n)', cache_version => repeat('x', 255), code_version => repeat('x', 255), workers => 2);
CALL checkpoint.map('spaces', 'SELECT 1 AS n', 'g(n)', cache_version => ' ');
SELECT checkpoint.end_job();

-- A plan that PL/pgSQL has cached is not that of the code any more when an
-- overload is there that fits better.
CREATE FUNCTION helper(n numeric) RETURNS text LANGUAGE sql AS $$SELECT 'numeric'$$;
CREATE FUNCTION calls(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN helper(n); END$$;
CREATE FUNCTION in_input(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN helper(n); END$$;
CREATE PROCEDURE run_plan() LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	PERFORM checkpoint.begin_job('plan');
	CALL checkpoint.map('m', 'SELECT in_input(n) AS i, n FROM generate_series(1, 1) n', 'calls(n) AS y');
	EXECUTE format('SELECT concat_ws('', '', i, y) FROM %s', checkpoint.output('m')) INTO y;
	RAISE NOTICE '%', y;
	PERFORM checkpoint.end_job();
END $$;
CALL run_plan();
CREATE FUNCTION helper(n int) RETURNS text LANGUAGE sql AS $$SELECT 'integer'$$;
CALL run_plan();
-- Nor is a domain's check, which the server keeps as it was planned.
CREATE FUNCTION is_small(n int) RETURNS boolean LANGUAGE sql AS 'SELECT n < 10';
CREATE DOMAIN small AS int CHECK (is_small(value));
CREATE FUNCTION size(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s small;
BEGIN
	s := n;
	RETURN 'small';
EXCEPTION WHEN check_violation THEN
	RETURN 'large';
END $$;
CREATE PROCEDURE run_check() LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	PERFORM checkpoint.begin_job('check');
	CALL checkpoint.map('m', 'SELECT 5 AS n', 'size(n) AS y');
	EXECUTE format('SELECT y FROM %s', checkpoint.output('m')) INTO y;
	RAISE NOTICE '%', y;
	PERFORM checkpoint.end_job();
END $$;
CALL run_check();
CREATE OR REPLACE FUNCTION is_small(n int) RETURNS boolean LANGUAGE sql AS 'SELECT n < 3';
CALL run_check();

-- Code that is replaced after the last row was computed, here by a trigger at the
-- commit, has computed none: the step is filed under the code that has.
CREATE TABLE written (n int);
CREATE FUNCTION replaced(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN INSERT INTO content.written VALUES (n); RETURN 'old'; END$$;
CREATE FUNCTION replace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	CREATE OR REPLACE FUNCTION content.replaced(n int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN ''new''; END';
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION replace();
SELECT checkpoint.fingerprint('replaced(int)') AS old \gset
SELECT checkpoint.begin_job('late') AS job \gset
CALL checkpoint.map('m', 'SELECT 1 AS n', 'replaced(n) AS y');
SELECT checkpoint.fingerprint('replaced(int)') = :'old' AS same;
SELECT checkpoint.begin_job('late') AS job \gset
CALL checkpoint.map('m', 'SELECT 1 AS n', 'replaced(n) AS y');
SELECT checkpoint.end_job();

-- What tells values apart is told apart: NaN of another sign, a role's new name.
CREATE TABLE nan (x float8);
INSERT INTO nan VALUES ('NaN');
CREATE TABLE acl (a aclitem);
INSERT INTO acl VALUES ('regress_content=r/regress_content');
VACUUM (FREEZE) acl;
CREATE PROCEDURE run_apart() LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	PERFORM checkpoint.begin_job('apart');
	CALL checkpoint.map('nan', 'SELECT x FROM nan', 'float8send(x) AS y');
	CALL checkpoint.map('acl', 'SELECT a FROM acl', 'a::text AS y');
	EXECUTE format('SELECT (SELECT y FROM %s) || '' '' || (SELECT y FROM %s)', checkpoint.output('nan'), checkpoint.output('acl')) INTO y;
	RAISE NOTICE '%', y;
	PERFORM checkpoint.end_job();
END $$;
CALL run_apart();
TRUNCATE nan;
INSERT INTO nan VALUES (-'NaN'::float8);
ALTER ROLE regress_content RENAME TO regress_content_2;
CALL run_apart();

SET client_min_messages = warning;
DROP SCHEMA content CASCADE;
DROP OWNED BY regress_content_2 CASCADE;
DROP ROLE regress_content_2;
