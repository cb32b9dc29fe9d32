--
-- Rule 4: what makes a finished step be computed anew, and what does not, when
-- what its UDF uses has changed.  (What fingerprints cover is in fingerprint.sql.)
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA code_identity;
CREATE SCHEMA code_other;
SET search_path = code_identity;
-- run runs one map, as a job of its own.
CREATE PROCEDURE run(udf text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job(udf);
	CALL checkpoint.map('m', 'SELECT 2 AS x', udf);
	PERFORM checkpoint.end_job();
END $$;
CREATE FUNCTION y() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	EXECUTE format('SELECT y::text FROM %s', (SELECT output_table FROM checkpoint.steps ORDER BY job_id DESC LIMIT 1)) INTO y;
	RETURN y;
END $$;

CREATE FUNCTION helper2(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION helper(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN helper2(x) * 10; END $$;
CREATE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a' || helper(x); END $$;
CALL run('f(x) AS y');

--
-- A helper of a helper; a helper that is dropped and made again as it was.
--
CREATE OR REPLACE FUNCTION helper2(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1';
CALL run('f(x) AS y');
SELECT y();
DROP FUNCTION helper2(int);
CREATE FUNCTION helper2(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1';
CALL run('f(x) AS y');
CREATE OR REPLACE FUNCTION helper2(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN x; END $$;
CALL run('f(x) AS y');
SELECT y();

--
-- Comments, spacing, the case of keywords and of names without quotes: reused.
-- Of strings: not.
--
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$
	-- a comment
BEGIN
	RETURN 'a'||/* and /* another */ one */helper( x );
END $$;
CALL run('f(x) AS y');
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ begin Return 'a' || HELPER(X); End $$;
CALL run('f(x) AS y');
CALL run('f( X )  AS y');
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'A' || helper(x); END $$;
CALL run('f(x) AS y');
SELECT y();
-- what looks like a comment in a string is none
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a -- 1' || helper(x); END $$;
CALL run('f(x) AS y');
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a -- 2' || helper(x); END $$;
CALL run('f(x) AS y');
SELECT y();
-- a space that keeps two words apart, or two lines
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a' || 1 -
	-1; END $$;
CALL run('f(x) AS y');
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a' || 1 --1;
	; END $$;
CALL run('f(x) AS y');
SELECT y();

--
-- Renamed, moved, overloaded
--
ALTER FUNCTION f(int) RENAME TO g;
CALL run('g(x) AS y');
ALTER FUNCTION g(int) RENAME TO f;
CALL run('f(x) AS y');
-- another helper comes first in the search_path: only a string names it
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'b' || helper(x); END $$;
CALL run('f(x) AS y');
CREATE FUNCTION code_other.helper(x int) RETURNS int LANGUAGE sql AS 'SELECT -x';
SET search_path = code_other, code_identity;
CALL run('f(x) AS y');
SELECT y();
SET search_path = code_identity;
CALL run('f(x) AS y');
SELECT y();
-- an overload of the helper, which might be meant
CREATE OR REPLACE FUNCTION f(x int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'c' || helper(x); END $$;
CALL run('f(x) AS y');
CREATE FUNCTION helper(x bigint) RETURNS int LANGUAGE sql AS 'SELECT 0';
CALL run('f(x) AS y');
DROP FUNCTION helper(bigint);
CALL run('f(x) AS y');
-- another f: the expression's
CREATE FUNCTION code_other.f(x int) RETURNS text LANGUAGE sql AS $$ SELECT 'other' $$;
SET search_path = code_other, code_identity;
CALL run('f(x) AS y');
SELECT y();
SET search_path = code_identity;
CALL run('f(x) AS y');
SELECT y();
-- an overload of the function in the expression: what is called is what counts
CREATE FUNCTION f(x bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'bigint' $$;
CALL run('f(x) AS y');
CALL run('f(x::bigint) AS y');
SELECT y();
-- a function that f does not name
CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql AS 'SELECT 1';
CALL run('f(x) AS y');

--
-- The function of an operator, of a cast, of an aggregate, in a domain's check;
-- a view and what it uses
--
CREATE FUNCTION op(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b';
CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = op);
CALL run('x <+> 1 AS y');
CREATE OR REPLACE FUNCTION op(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b + 100';
CALL run('x <+> 1 AS y');
SELECT y();

CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, 1)::code_identity.pair';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
CALL run('(x::pair)::text AS y');
CREATE OR REPLACE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, 2)::code_identity.pair';
CALL run('(x::pair)::text AS y');
SELECT y();

CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b';
CREATE AGGREGATE total(int) (SFUNC = add, STYPE = int, INITCOND = '0');
CALL run('(SELECT total(n) FROM generate_series(1, x) n) AS y');
CREATE OR REPLACE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b + 1';
CALL run('(SELECT total(n) FROM generate_series(1, x) n) AS y');
SELECT y();
CREATE OR REPLACE AGGREGATE total(int) (SFUNC = add, STYPE = int, INITCOND = '1000');
CALL run('(SELECT total(n) FROM generate_series(1, x) n) AS y');
SELECT y();

CREATE FUNCTION is_good(x int) RETURNS boolean LANGUAGE sql AS 'SELECT x > 0';
CREATE DOMAIN good AS int CHECK (is_good(value));
CALL run('x::good AS y');
CREATE OR REPLACE FUNCTION is_good(x int) RETURNS boolean LANGUAGE sql AS 'SELECT x > 1';
CALL run('x::good AS y');
ALTER DOMAIN good SET NOT NULL;
CALL run('x::good AS y');

CREATE FUNCTION in_view() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW deep AS SELECT in_view() AS n;
CREATE VIEW v AS SELECT n + 1 AS n FROM deep;
CALL run('(SELECT n FROM v) + x AS y');
CREATE OR REPLACE VIEW v AS SELECT n + 2 AS n FROM deep;
CALL run('(SELECT n FROM v) + x AS y');
CREATE OR REPLACE FUNCTION in_view() RETURNS int LANGUAGE sql AS 'SELECT 10';
CALL run('(SELECT n FROM v) + x AS y');
SELECT y();

--
-- BEGIN ATOMIC: read as the server understands it
--
CREATE FUNCTION atomic(x int) RETURNS int RETURN x <+> helper2(1);
CALL run('atomic(x) AS y');
CREATE OR REPLACE FUNCTION atomic(x int) RETURNS int BEGIN ATOMIC /* the same */ SELECT x <+> helper2(1); END;
CREATE OR REPLACE FUNCTION atomic(x int) RETURNS int RETURN  X <+> helper2(1) -- the same
;
CALL run('atomic(x) AS y');
CREATE OR REPLACE FUNCTION atomic(x int) RETURNS int RETURN x <+> helper2(2);
CALL run('atomic(x) AS y');
CREATE OR REPLACE FUNCTION op(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a - b';
CALL run('atomic(x) AS y');
SELECT y();

--
-- Functions that call each other: f calls g, which calls f
--
CREATE FUNCTION even(x int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
CREATE FUNCTION odd(x int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN CASE x WHEN 0 THEN false ELSE even(x - 1) END; END $$;
CREATE OR REPLACE FUNCTION even(x int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN CASE x WHEN 0 THEN true ELSE odd(x - 1) END; END $$;
CALL run('even(x) AS y');
CALL run('even(x) AS y');
CREATE OR REPLACE FUNCTION odd(x int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN x <> 0; END $$;
CALL run('even(x) AS y');
SELECT y();

--
-- Of a function in C: the version of its extension
--
CREATE FUNCTION uses_c(x int) RETURNS int LANGUAGE sql AS $$ SELECT length(checkpoint.fingerprint('code_identity.y()')) $$;
CALL run('uses_c(x) AS y');
CALL run('uses_c(x) AS y');
UPDATE pg_extension SET extversion = extversion || '.9' WHERE extname = 'checkpoint';
CALL run('uses_c(x) AS y');
UPDATE pg_extension SET extversion = rtrim(extversion, '9.') WHERE extname = 'checkpoint';
CALL run('uses_c(x) AS y');
-- of one of the server's own: its name
CREATE FUNCTION internal(int) RETURNS int LANGUAGE internal AS 'int4um';
CALL run('internal(x) AS y');
CREATE OR REPLACE FUNCTION internal(int) RETURNS int LANGUAGE internal AS 'int4abs';
CALL run('internal(x) AS y');
SELECT y();

--
-- Argument and result types, defaults, SET clauses, strictness, language
--
CREATE FUNCTION attributes(x int, y int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT x + y';
CALL run('attributes(x) AS y');
CREATE OR REPLACE FUNCTION attributes(x int, y int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT x + y';
CALL run('attributes(x) AS y');
SELECT y();
ALTER FUNCTION attributes(int, int) SET search_path = code_identity;
CALL run('attributes(x) AS y');
ALTER FUNCTION attributes(int, int) STRICT;
CALL run('attributes(x) AS y');
-- what does not change the result: cost, parallel safety, owner, comment
ALTER FUNCTION attributes(int, int) COST 1000 PARALLEL SAFE;
COMMENT ON FUNCTION attributes(int, int) IS 'a comment';
CALL run('attributes(x) AS y');
DROP FUNCTION attributes(int, int);
CREATE FUNCTION attributes(x numeric) RETURNS int LANGUAGE sql AS 'SELECT x::int';
CALL run('attributes(x) AS y');

--
-- A composite type whose fields are renamed: of the input, of a function's
-- result, of a row that the expression makes.
--
CREATE TYPE fields AS (a int, b int);
CREATE PROCEDURE swap_names() LANGUAGE plpgsql AS $$
BEGIN
	ALTER TYPE fields RENAME ATTRIBUTE a TO x;
	ALTER TYPE fields RENAME ATTRIBUTE b TO a;
	ALTER TYPE fields RENAME ATTRIBUTE x TO b;
END $$;
CREATE TABLE pairs (p fields);
INSERT INTO pairs VALUES ((1, 2)), ((3, 4));
CREATE FUNCTION to_fields(x int) RETURNS fields LANGUAGE sql AS 'SELECT ROW(x, -x)::code_identity.fields';
CREATE PROCEDURE run_pairs() LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	PERFORM checkpoint.begin_job('pairs');
	CALL checkpoint.map('input', 'SELECT p FROM pairs', 'to_jsonb(p) AS y');
	CALL checkpoint.map('result', 'SELECT 2 AS x', '(to_fields(x)).a + 0 AS y');
	CALL checkpoint.map('made', 'SELECT 2 AS x', '(ROW(x, -x)::fields).a + 0 AS y');
	EXECUTE format('SELECT concat_ws(''; '', (SELECT string_agg(y::text, '', '' ORDER BY sys__id) FROM %s), (SELECT y FROM %s), (SELECT y FROM %s))',
		checkpoint.output('input'), checkpoint.output('result'), checkpoint.output('made')) INTO y;
	RAISE NOTICE '%', y;
	PERFORM checkpoint.end_job();
END $$;
CALL run_pairs();
CALL run_pairs();
CALL swap_names();
CALL run_pairs();
INSERT INTO pairs VALUES ((5, 6));
CALL run_pairs();
CALL swap_names();
DELETE FROM pairs WHERE (p).a = 1;
CALL run_pairs();
-- and the labels of an enum
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE moods AS SELECT unnest(enum_range(NULL::mood)) AS m;
CREATE PROCEDURE run_moods() LANGUAGE plpgsql AS $$
DECLARE
	y text;
BEGIN
	PERFORM checkpoint.begin_job('moods');
	CALL checkpoint.map('map', 'SELECT m FROM moods', 'm::text AS y');
	CALL checkpoint.gen('gen', 'SELECT m FROM moods', 'unnest(ARRAY[m::text]) AS y');
	EXECUTE format('SELECT concat_ws(''; '', (SELECT string_agg(y, '', '' ORDER BY y) FROM %s), (SELECT string_agg(y, '', '' ORDER BY y) FROM %s))',
		checkpoint.output('map'), checkpoint.output('gen')) INTO y;
	RAISE NOTICE '%', y;
	PERFORM checkpoint.end_job();
END $$;
CALL run_moods();
ALTER TYPE mood ADD VALUE 'ugly';
INSERT INTO moods VALUES ('ugly');
CALL run_moods();
ALTER TYPE mood RENAME VALUE 'bad' TO 'worse';
CALL run_moods();
SELECT object, kind FROM checkpoint.fingerprint_components('to_fields(int)');

SET client_min_messages = warning;
DROP SCHEMA code_identity CASCADE;
DROP SCHEMA code_other CASCADE;
