--
-- Rule 4: changes of code that are seen though no function's source changes: how
-- a function is executed, what it is compared, cast, collated and searched with,
-- types that it names, settings that it depends on; and calls that are the same
-- code though they are written in other words.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse
SET DateStyle = 'ISO, MDY';
SET IntervalStyle = 'postgres';
SET TimeZone = 'Etc/UTC';

CREATE SCHEMA seen;
SET search_path = seen, public;
-- changed says of which functions, in any schema of the test, the fingerprint is
-- another one than when it was asked last.
CREATE TABLE before (f text PRIMARY KEY, hash text);
CREATE FUNCTION changed() RETURNS text LANGUAGE sql AS $$
	WITH now AS (SELECT oid::regprocedure::text AS f, checkpoint.fingerprint(oid) AS hash FROM pg_proc
			WHERE pronamespace = 'seen'::regnamespace AND proname LIKE 'f\_%'),
		stored AS (INSERT INTO before SELECT * FROM now ON CONFLICT (f) DO UPDATE SET hash = EXCLUDED.hash)
	SELECT string_agg(substring(f from 'f_[a-z_0-9]*'), ', ' ORDER BY f COLLATE "C") FROM now JOIN before USING (f) WHERE now.hash <> before.hash;
$$;
\pset null nothing

CREATE ROLE regress_seen_a;
CREATE TABLE log (t timestamptz, x float8);
-- how a function is executed
CREATE FUNCTION helper() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM log';
CREATE FUNCTION f_helper() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN helper(); END';
-- operator classes
CREATE TYPE num;
CREATE FUNCTION num_in(cstring) RETURNS num LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION num_out(num) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE num (INPUT = num_in, OUTPUT = num_out, LIKE = int4);
CREATE CAST (int AS num) WITHOUT FUNCTION;
CREATE FUNCTION num_lt(num, num) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION num_le(num, num) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
CREATE FUNCTION num_eq(num, num) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION num_ge(num, num) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
CREATE FUNCTION num_gt(num, num) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION num_cmp(num, num) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR < (LEFTARG = num, RIGHTARG = num, FUNCTION = num_lt, COMMUTATOR = >);
CREATE OPERATOR <= (LEFTARG = num, RIGHTARG = num, FUNCTION = num_le, COMMUTATOR = >=);
CREATE OPERATOR = (LEFTARG = num, RIGHTARG = num, FUNCTION = num_eq, COMMUTATOR = =, MERGES);
CREATE OPERATOR >= (LEFTARG = num, RIGHTARG = num, FUNCTION = num_ge);
CREATE OPERATOR > (LEFTARG = num, RIGHTARG = num, FUNCTION = num_gt);
CREATE OPERATOR CLASS num_ops DEFAULT FOR TYPE num USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 num_cmp(num, num);
CREATE TYPE nums AS RANGE (SUBTYPE = num);
CREATE FUNCTION f_greatest(a int, b int) RETURNS text RETURN greatest(a::num, b::num)::text;
CREATE FUNCTION f_order(a int, b int) RETURNS text[] RETURN (SELECT array_agg(v::text ORDER BY v) FROM unnest(ARRAY[a::num, b::num]) v);
CREATE FUNCTION f_distinct(a int, b int) RETURNS bigint RETURN (SELECT count(DISTINCT v) FROM unnest(ARRAY[a::num, b::num]) v);
CREATE FUNCTION f_range(a int, b int) RETURNS bool RETURN nums(a::num, b::num) @> a::num;
-- operators and casts that a string names
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, $1)::seen.pair';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
CREATE FUNCTION add(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2';
CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = int, FUNCTION = add);
CREATE FUNCTION f_operator(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN i <+> 1; END';
CREATE FUNCTION f_operator_qualified(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN i OPERATOR(seen.<+>) 1; END';
CREATE FUNCTION f_cast(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (i::pair).b; END';
CREATE FUNCTION f_equal(i int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN i = 1; END';
-- text search, collations
CREATE TEXT SEARCH CONFIGURATION words (COPY = pg_catalog.simple);
CREATE COLLATION mine (LOCALE = 'C');
CREATE FUNCTION f_search(t text) RETURNS tsvector RETURN to_tsvector('seen.words', t);
CREATE FUNCTION f_search_string(t text) RETURNS tsvector LANGUAGE plpgsql AS $$BEGIN RETURN to_tsvector('words', t); END$$;
CREATE FUNCTION f_collate(t text) RETURNS bool RETURN t < 'z' COLLATE mine;
CREATE FUNCTION f_collate_string(t text) RETURNS bool LANGUAGE plpgsql AS $$BEGIN RETURN t < 'z' COLLATE "mine"; END$$;
-- types
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE docs (id int, lang text);
CREATE FUNCTION f_enum(i int) RETURNS text RETURN (enum_range(NULL::mood))[i]::text;
CREATE FUNCTION f_enum_string(t text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN t::mood = enum_first(NULL::mood); END';
CREATE FUNCTION f_row(d docs) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN d::text; END';
CREATE FUNCTION f_rowtype(i int) RETURNS text LANGUAGE plpgsql AS 'DECLARE d docs%ROWTYPE; BEGIN d.id := i; RETURN d::text; END';
CREATE FUNCTION f_type(i int) RETURNS text LANGUAGE plpgsql AS 'DECLARE d seen.docs.id%TYPE; BEGIN d := i; RETURN d::text; END';
CREATE FUNCTION "grün"(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION f_unicode(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN U&"gr\00fcn"(i); END';
CREATE VIEW v AS SELECT * FROM log;
CREATE FUNCTION f_view() RETURNS bigint RETURN (SELECT count(*) FROM v);

SELECT changed();
-- STABLE sees other rows than VOLATILE
ALTER FUNCTION helper() STABLE;
SELECT changed();
ALTER FUNCTION helper() IMMUTABLE;
SELECT changed();
ALTER FUNCTION helper() SECURITY DEFINER;
SELECT changed();
GRANT ALL ON SCHEMA seen TO regress_seen_a;
ALTER FUNCTION helper() OWNER TO regress_seen_a;
SELECT changed();
ALTER ROLE regress_seen_a RENAME TO regress_seen_c;
SELECT changed();
ALTER FUNCTION helper() SECURITY INVOKER;
SELECT changed();
-- support functions of operator classes
CREATE OR REPLACE FUNCTION num_cmp(num, num) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint8cmp';
SELECT changed();
CREATE OR REPLACE FUNCTION num_eq(num, num) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int8eq';
SELECT changed();
-- operators and casts; no other operator of the name counts
CREATE OR REPLACE FUNCTION add(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 - $2';
SELECT changed();
CREATE OR REPLACE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, 0)::seen.pair';
SELECT changed();
-- text search configurations
CREATE TEXT SEARCH DICTIONARY short (TEMPLATE = pg_catalog.simple, ACCEPT = false);
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH short;
SELECT changed();
ALTER TEXT SEARCH DICTIONARY short (ACCEPT = true);
SELECT changed();
-- a collation of the same name
DROP COLLATION mine CASCADE;
CREATE COLLATION mine (LOCALE = 'POSIX');
CREATE FUNCTION f_collate(t text) RETURNS bool RETURN t < 'z' COLLATE mine;
SELECT changed();
-- labels of an enum
ALTER TYPE mood ADD VALUE 'fine' BEFORE 'good';
SELECT changed();
ALTER TYPE mood RENAME VALUE 'bad' TO 'worse';
SELECT changed();
-- a table's row type, and the type of a column
ALTER TABLE docs ALTER COLUMN id TYPE bigint;
SELECT changed();
ALTER TABLE docs ADD COLUMN more text;
SELECT changed();
-- names in Unicode
CREATE OR REPLACE FUNCTION "grün"(int) RETURNS int LANGUAGE sql AS 'SELECT -$1';
SELECT changed();
-- whose rights a view has
ALTER VIEW v SET (security_invoker = true);
SELECT changed();

-- Settings
CREATE FUNCTION f_time(t timestamptz) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN t::text; END';
CREATE FUNCTION f_time_fixed(t timestamptz) RETURNS text LANGUAGE plpgsql SET TimeZone = 'UTC' SET DateStyle = 'ISO' AS 'BEGIN RETURN t::text; END';
CREATE FUNCTION f_time_through(i int) RETURNS text LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$BEGIN RETURN f_time(now()); END$$;
CREATE FUNCTION f_time_atomic(t timestamptz) RETURNS text RETURN t::text;
CREATE FUNCTION f_time_plus(t timestamptz) RETURNS timestamptz RETURN t + '1 second';
CREATE FUNCTION f_interval(t interval) RETURNS text RETURN t::text;
CREATE FUNCTION f_float(x float8) RETURNS text IMMUTABLE RETURN x::text;
CREATE FUNCTION f_float_plus(x float8) RETURNS float8 IMMUTABLE RETURN x + 1;
CREATE FUNCTION f_bytea(x bytea) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT x::text';
CREATE FUNCTION f_money(x int) RETURNS text RETURN to_char(x, 'L99');
CREATE FUNCTION f_named(i int) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN current_setting('app.x', true); END$$;
CREATE FUNCTION f_named_atomic(i int) RETURNS text RETURN current_setting('app.x', true);
CREATE FUNCTION f_default_search(t text) RETURNS tsvector RETURN to_tsvector(t);
CREATE FUNCTION f_nothing(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN i + length(i::text); END';
SELECT changed();
SET TimeZone = 'Asia/Kolkata';
SELECT changed();
SET DateStyle = 'German';
SELECT changed();
SET IntervalStyle = 'iso_8601';
SELECT changed();
SET extra_float_digits = -5;
SELECT changed();
SET bytea_output = 'escape';
SELECT changed();
SET lc_monetary = 'POSIX';
SELECT changed();
SET app.x = 'set';
SELECT changed();
SET default_text_search_config = 'seen.words';
SELECT changed();
SET work_mem = '1MB';
SELECT changed();
SELECT object FROM checkpoint.fingerprint_components('f_time(timestamptz)') WHERE kind = 'setting' ORDER BY 1;
RESET ALL;
SET DateStyle = 'ISO, MDY';
SET IntervalStyle = 'postgres';
SET TimeZone = 'Etc/UTC';
SET search_path = seen, public;

-- A step that depends on a setting says so; one over a finished step, too, where
-- the server calls a text form immutable.
CREATE PROCEDURE run_settings() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('settings');
	CALL checkpoint.map('time', 'SELECT timestamptz ''2024-05-06 07:08:09+00'' AS t', 't::text AS y');
	CALL checkpoint.query('floats', 'SELECT 1/3::float8 AS x, interval ''1 day'' AS i', cache_version => '1');
	CALL checkpoint.query('texts', 'SELECT x::text, i::text FROM floats');
	PERFORM checkpoint.end_job();
END $$;
SET client_min_messages = notice;
CALL run_settings();
CALL run_settings();
SET TimeZone = 'Asia/Kolkata';
CALL run_settings();
SET extra_float_digits = -10;
CALL run_settings();
SET IntervalStyle = 'iso_8601';
CALL run_settings();
SET TimeZone = 'Etc/UTC';
RESET extra_float_digits;
SET IntervalStyle = 'postgres';
CALL run_settings();

-- Calls that pass the same values are the same code, by position, by name and by
-- default; a default counts only where it is used.
CREATE FUNCTION f2(x int, y int DEFAULT 2) RETURNS int LANGUAGE sql AS 'SELECT x * y';
CREATE PROCEDURE run_call(udf text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('calls');
	CALL checkpoint.map('m', 'SELECT 5 AS v', udf || ' AS r');
	CALL checkpoint.map('server', 'SELECT 5 AS v', CASE WHEN udf ~ '=>' THEN 'make_interval(days => v)' ELSE 'make_interval(0, 0, 0, v)' END || ' AS r');
	PERFORM checkpoint.end_job();
END $$;
CALL run_call('f2(v, 2)');
CALL run_call('f2(v)');
CALL run_call('f2(x => v, y => 2)');
CALL run_call('f2(y => 2, x => v)');
CALL run_call('f2(x => v)');
CALL run_call('f2(v, 3)');
CREATE OR REPLACE FUNCTION f2(x int, y int DEFAULT 3) RETURNS int LANGUAGE sql AS 'SELECT x * y';
CALL run_call('f2(v, 2)');
CALL run_call('f2(v)');
SELECT object, kind FROM checkpoint.fingerprint_components('f2(int,int)') ORDER BY 1, 2;

SET client_min_messages = warning;
DROP SCHEMA seen CASCADE;
DROP ROLE regress_seen_c;
