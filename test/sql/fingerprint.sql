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
SET client_min_messages = warning;
DROP SCHEMA fp CASCADE;
DROP SCHEMA fp_other CASCADE;
