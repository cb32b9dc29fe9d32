--
-- Rule 4: the code fingerprint covers what a function can be seen to use.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA fp;
CREATE SCHEMA fp_other;
SET search_path = fp, public;
CREATE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
CREATE FUNCTION helper(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN fp.helper2(i); END $$;
CREATE VIEW v AS SELECT helper2(1) AS x;
CREATE DOMAIN positive AS int CHECK (helper2(value) > 0);
CREATE FUNCTION plus(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b';
CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int, INITCOND = '0');
CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = plus);
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, $1)::fp.pair';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);

CREATE FUNCTION uses_view(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT x + i FROM v); END $$;
CREATE FUNCTION uses_domain(i int) RETURNS positive LANGUAGE plpgsql AS $$ BEGIN RETURN i; END $$;
CREATE FUNCTION uses_aggregate(i int) RETURNS int LANGUAGE sql AS 'SELECT total(x) FROM generate_series(1, i) x';
CREATE FUNCTION uses_operator(i int) RETURNS int BEGIN ATOMIC SELECT i <+> 1; END;
CREATE FUNCTION uses_cast(i int) RETURNS pair BEGIN ATOMIC SELECT i::pair; END;
CREATE FUNCTION recurses(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN i > 0 THEN recurses(i - 1) ELSE helper(i) END; END $$;
CREATE FUNCTION reads_in_python(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN i; END $$;

SELECT f AS "of", object, kind, hash ~ '^[0-9a-f]{32}$' AS hashed
FROM unnest('{helper,uses_view,uses_domain,uses_aggregate,uses_operator,uses_cast,recurses}'::text[]) WITH ORDINALITY u (f, n),
	checkpoint.fingerprint_components((f || '(int)')::regprocedure) ORDER BY n, kind, object;

-- What changes the fingerprint, and what does not.
CREATE TABLE before (f text, hash text);
CREATE FUNCTION changed() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	names text;
BEGIN
	SELECT string_agg(f, ', ' ORDER BY f COLLATE "C") INTO names FROM before
	WHERE hash <> checkpoint.fingerprint((f || '(int)')::regprocedure);
	TRUNCATE before;
	INSERT INTO before SELECT f, checkpoint.fingerprint((f || '(int)')::regprocedure)
	FROM unnest('{helper,uses_view,uses_domain,uses_aggregate,uses_operator,uses_cast,recurses}'::text[]) f;
	RETURN names;
END $$;
\pset null nothing
SELECT changed();
-- comments, spacing, the case of keywords and names
CREATE OR REPLACE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'select   I -- the same';
SELECT changed();
CREATE OR REPLACE FUNCTION helper(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	/* as before */
	RETURN FP.helper2( i );
END $$;
SELECT changed();
-- a helper of a helper
CREATE OR REPLACE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'SELECT i + 1';
SELECT changed();
-- a literal
CREATE OR REPLACE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'SELECT i + length(''A'')';
SELECT changed();
CREATE OR REPLACE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'SELECT i + length(''a'')';
SELECT changed();
-- settings, strictness
ALTER FUNCTION plus(int, int) SET work_mem = '1MB';
SELECT changed();
ALTER FUNCTION plus(int, int) STRICT;
SELECT changed();
-- a view, to the same text and to another one
CREATE OR REPLACE VIEW v AS SELECT helper2(1) AS x;
SELECT changed();
CREATE OR REPLACE VIEW v AS SELECT helper2(2) AS x;
SELECT changed();
-- a domain's check
ALTER DOMAIN positive ADD CHECK (value < 1000);
SELECT changed();
-- an overload
CREATE FUNCTION helper2(t text) RETURNS text LANGUAGE sql AS 'SELECT t';
SELECT changed();
DROP FUNCTION helper2(text);
SELECT changed();
-- an unrelated function
CREATE FUNCTION unrelated(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
SELECT changed();
-- search_path: another function of that name
CREATE FUNCTION fp_other.helper(i int) RETURNS int LANGUAGE sql AS 'SELECT -i';
SET search_path = fp_other, fp, public;
SELECT checkpoint.fingerprint('fp.recurses(int)') = hash AS same FROM before WHERE f = 'recurses';
SET search_path = fp, public;
-- settings of the session
SET DateStyle = 'German';
SET standard_conforming_strings = off;
SET extra_float_digits = -10;
SELECT changed();
RESET DateStyle;
RESET standard_conforming_strings;
RESET extra_float_digits;

-- The NOTICE names what changed, also behind a helper.
SELECT checkpoint.begin_job('fp') AS job \gset
SET client_min_messages = notice;
CALL checkpoint.map('m', 'SELECT g AS i FROM generate_series(1, 3) g', 'recurses(i) AS r');
CREATE OR REPLACE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'SELECT i * 10';
SELECT checkpoint.begin_job('fp') AS job \gset
CALL checkpoint.map('m', 'SELECT g AS i FROM generate_series(1, 3) g', 'recurses(i) AS r');
-- and A -> B -> A finds A again
CREATE OR REPLACE FUNCTION helper2(i int) RETURNS int LANGUAGE sql AS 'SELECT i + length(''a'')';
SELECT checkpoint.begin_job('fp') AS job \gset
CALL checkpoint.map('m', 'SELECT g AS i FROM generate_series(1, 3) g', 'recurses(i) AS r');
-- an operator, a cast, a sub-select over a view, in the expression itself
CALL checkpoint.map('expression', 'SELECT 1 AS i', 'i <+> 1 AS o, i::pair AS p, (SELECT x FROM v) AS s');
CREATE OR REPLACE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, 0)::fp.pair';
SELECT checkpoint.begin_job('fp') AS job \gset
CALL checkpoint.map('expression', 'SELECT 1 AS i', 'i <+> 1 AS o, i::pair AS p, (SELECT x FROM v) AS s');
SELECT checkpoint.end_job();

-- the default of an argument, which a call that leaves it out does not show
CREATE FUNCTION has_default(i int, d int DEFAULT helper(1)) RETURNS int LANGUAGE sql AS 'SELECT i + d';
SELECT object, kind FROM checkpoint.fingerprint_components('has_default(int,int)');

SELECT checkpoint.fingerprint(0::regprocedure);

-- A function's SET search_path decides what its body means.
CREATE FUNCTION sets_path(i int) RETURNS int LANGUAGE sql SET search_path = fp_other AS 'SELECT helper(i)';
SELECT object FROM checkpoint.fingerprint_components('sets_path(int)') ORDER BY 1;
SELECT checkpoint.fingerprint('sets_path(int)') AS hash \gset
CREATE OR REPLACE FUNCTION helper(i int) RETURNS int LANGUAGE sql AS 'SELECT 7';
SELECT checkpoint.fingerprint('sets_path(int)') = :'hash' AS same;
CREATE OR REPLACE FUNCTION fp_other.helper(i int) RETURNS int LANGUAGE sql AS 'SELECT 8';
SELECT checkpoint.fingerprint('sets_path(int)') = :'hash' AS same;

-- Types are named in one way by all servers.
CREATE FUNCTION of_json(j json, js json[]) RETURNS json LANGUAGE sql AS 'SELECT j';
SELECT object FROM checkpoint.fingerprint_components('of_json(json,json[])');

-- The aggregate's final function is code, and so are all others of it.
CREATE FUNCTION final(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION moving(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2';
CREATE FUNCTION inverse(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 - $2';
CREATE FUNCTION moving_final(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION combine(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE sum_of(int) (SFUNC = plus, STYPE = int, INITCOND = '0', FINALFUNC = final, COMBINEFUNC = combine,
	MSFUNC = moving, MSTYPE = int, MINVFUNC = inverse, MFINALFUNC = moving_final, MINITCOND = '0');
SELECT object FROM checkpoint.fingerprint_components('sum_of(int)') ORDER BY 1;
CREATE TABLE summed AS SELECT checkpoint.fingerprint('sum_of(int)') AS hash;
CREATE OR REPLACE FUNCTION final(int) RETURNS int LANGUAGE sql AS 'SELECT -$1';
SELECT hash = checkpoint.fingerprint('sum_of(int)') AS same FROM summed;

-- Names count, whether or not the job's owner may use what they stand for: a
-- body may run with the rights of another role.
CREATE ROLE regress_checkpoint_fp;
CREATE SCHEMA fp_secret;
CREATE SCHEMA fp_audit;
CREATE FUNCTION fp_secret.rate() RETURNS int LANGUAGE sql AS 'SELECT 3';
CREATE FUNCTION fp_secret.hidden() RETURNS int LANGUAGE sql AS 'SELECT 3';
CREATE VIEW fp_secret.known AS SELECT 5 AS x;
CREATE FUNCTION definer(i int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	fp_audit record;
BEGIN
	SELECT i AS x INTO fp_audit;
	RETURN fp_audit.x * fp_secret.rate() + (SELECT x FROM fp_secret.known);
END $$;
CREATE FUNCTION definer_path(i int) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = fp_secret, pg_temp AS 'SELECT i * hidden()';
GRANT USAGE ON SCHEMA fp TO regress_checkpoint_fp;
SELECT object FROM checkpoint.fingerprint_components('definer(int)') UNION
SELECT object FROM checkpoint.fingerprint_components('definer_path(int)') ORDER BY 1;
SELECT checkpoint.fingerprint('definer(int)') AS hash, checkpoint.fingerprint('definer_path(int)') AS path_hash \gset
SET ROLE regress_checkpoint_fp;
SELECT checkpoint.fingerprint('definer(int)') = :'hash' AS same, checkpoint.fingerprint('definer_path(int)') = :'path_hash' AS same;
SELECT checkpoint.begin_job('fp secret') AS job \gset
SET client_min_messages = notice;
CALL checkpoint.map('m', 'SELECT 1 AS i', 'definer(i), definer_path(i)');
RESET ROLE;
CREATE OR REPLACE FUNCTION fp_secret.hidden() RETURNS int LANGUAGE sql AS 'SELECT 4';
SET ROLE regress_checkpoint_fp;
SELECT checkpoint.begin_job('fp secret') AS job \gset
CALL checkpoint.map('m', 'SELECT 1 AS i', 'definer(i), definer_path(i)');
SELECT checkpoint.end_job();
SELECT current_user;
RESET ROLE;
SHOW search_path;

-- "$user" is the role that the body will run as.
CREATE ROLE regress_checkpoint_owner;
CREATE SCHEMA regress_checkpoint_fp;
CREATE SCHEMA regress_checkpoint_owner;
CREATE FUNCTION regress_checkpoint_fp.own() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_checkpoint_owner.own() RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION as_caller() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN own(); END';
CREATE FUNCTION as_owner() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN own(); END';
ALTER FUNCTION as_owner() OWNER TO regress_checkpoint_owner;
SET search_path = "$user", fp, public;
SET ROLE regress_checkpoint_fp;
SELECT object FROM checkpoint.fingerprint_components('fp.as_caller()') ORDER BY 1;
SELECT object FROM checkpoint.fingerprint_components('fp.as_owner()') ORDER BY 1;
RESET ROLE;
SET search_path = fp, public;

-- Objects of any name can change.
CREATE VIEW "v(x)" AS SELECT 1 AS x;
CREATE DOMAIN "d(x, ""y"")" AS int CHECK (value > 0);
CREATE TYPE "t(" AS (a int);
CREATE FUNCTION "f.(x) ""y"" changed"(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
CREATE FUNCTION overloaded(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
CREATE FUNCTION overloaded(t "t(") RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION calls_overloaded(i int) RETURNS int LANGUAGE sql AS 'SELECT overloaded(i)';
SELECT checkpoint.begin_job('fp names') AS job \gset
CALL checkpoint.map('view', 'SELECT 1 AS i', '(SELECT x FROM "v(x)") AS x');
CALL checkpoint.map('domain', 'SELECT 1 AS i', 'i::"d(x, ""y"")" AS d');
CALL checkpoint.map('function', 'SELECT 1 AS i', '"f.(x) ""y"" changed"(i)');
CALL checkpoint.map('overloaded', 'SELECT 1 AS i', 'calls_overloaded(i)');
CREATE OR REPLACE VIEW "v(x)" AS SELECT 2 AS x;
ALTER DOMAIN "d(x, ""y"")" ADD CHECK (value < 10);
CREATE OR REPLACE FUNCTION "f.(x) ""y"" changed"(i int) RETURNS int LANGUAGE sql AS 'SELECT -i';
DROP TYPE "t(" CASCADE;
SELECT checkpoint.end_job();
SELECT step, action, reason FROM checkpoint.explain_job('fp names');
SELECT checkpoint.begin_job('fp names') AS job \gset
CALL checkpoint.map('view', 'SELECT 1 AS i', '(SELECT x FROM "v(x)") AS x');
CALL checkpoint.map('domain', 'SELECT 1 AS i', 'i::"d(x, ""y"")" AS d');
CALL checkpoint.map('function', 'SELECT 1 AS i', '"f.(x) ""y"" changed"(i)');
CALL checkpoint.map('overloaded', 'SELECT 1 AS i', 'calls_overloaded(i)');
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA fp CASCADE;
DROP SCHEMA fp_other, fp_secret, fp_audit, regress_checkpoint_fp, regress_checkpoint_owner CASCADE;
DROP OWNED BY regress_checkpoint_fp CASCADE;
DROP ROLE regress_checkpoint_fp, regress_checkpoint_owner;
