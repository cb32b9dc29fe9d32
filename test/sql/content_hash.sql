--
-- Rule 1: the content hash of rows that differ differs, and that of the same
-- rows does not.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA hashes;
SET search_path = hashes;
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE TYPE pair AS (l int, r text);

--
-- Two values of one type.
--
CREATE TABLE pairs (n serial, type text, a text, b text);
INSERT INTO pairs (type, a, b) VALUES
	('numeric', '1.0', '1.00'), ('float8', '0', '-0'), ('float8', '0.1', '0.10000000000000002'),
	('text', '', NULL), ('text', 'a', 'a '), ('text', 'a', 'A'), ('bytea', '\x00', '\x0000'),
	('varbit', '0', '00'), ('interval', '1 mon', '30 days'), ('interval', '1 day', '24:00:00'),
	('inet', '10.0.0.1/8', '10.0.0.1'), ('json', '{"a": 1}', '{"a":1}'), ('jsonb', '1.0', '1'), ('jsonb', 'null', NULL),
	('int4[]', '{1,2}', '[0:1]={1,2}'), ('int4[]', '{1,2}', '{{1,2}}'), ('int4[]', '{{1,2},{3,4}}', '{{1,2,3,4}}'),
	('int4[]', '{NULL}', '{}'), ('int4[]', '{NULL,1}', '{1,NULL}'), ('int4[]', '{}', NULL),
	('text[]', '{ab,c}', '{a,bc}'), ('text[]', '{"NULL"}', '{NULL}'),
	('int4range', 'empty', '(,)'), ('numrange', '[1,2]', '[1,2)'), ('int4multirange', '{[1,2)}', '{[1,3)}'),
	('pair', '(1,a)', '(1,)'), ('pair', '(1,)', '(1,"")'), ('pair', '(,)', NULL), ('pair[]', '{"(,)"}', '{NULL}'),
	('color', 'red', 'green'), ('timetz', '12:00+00', '13:00+01'), ('path', '[(0,0),(1,1)]', '((0,0),(1,1))'),
	-- and these are the same
	('jsonb', '{"b": 1, "a": 2}', '{"a":2,"b":1}'), ('timestamptz', '2024-01-01 00:00+00', '2024-01-01 01:00+01'),
	('int4range', '[1,4]', '[1,5)'), ('float8', 'NaN', 'nan'), ('char(3)', 'a', 'a  '), ('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc999c0b4ef8bb6d6bb9bd380a11');
SELECT checkpoint.begin_job('pairs') AS job \gset
\set ECHO none
SELECT format('CALL checkpoint.query(%L, %L)', n || s, format('SELECT %L::%s AS v', v, type))
FROM (SELECT n, 'a' AS s, type, a AS v FROM pairs UNION ALL SELECT n, 'b', type, b FROM pairs ORDER BY 1, 2) p \gexec
\set ECHO all
CREATE VIEW hashes AS
SELECT s.step, c.input_hash, c.content_hash
FROM checkpoint.steps s JOIN checkpoint.checkpoints c USING (checkpoint_id);
\pset null '(null)'
SELECT p.type, p.a, p.b, a.input_hash = b.input_hash AS same_input, a.content_hash = b.content_hash AS same_content
FROM pairs p JOIN hashes a ON a.step = n || 'a' JOIN hashes b ON b.step = n || 'b' ORDER BY p.n;

-- The same text in columns cut otherwise, in other columns, of other types.
CALL checkpoint.query('cut', 'SELECT ''ab''::text AS x, ''c''::text AS y');
CALL checkpoint.query('cut otherwise', 'SELECT ''a''::text AS x, ''bc''::text AS y');
CALL checkpoint.query('swapped', 'SELECT ''c''::text AS x, ''ab''::text AS y');
CALL checkpoint.query('null first', 'SELECT NULL::text AS x, ''ab''::text AS y');
CALL checkpoint.query('null last', 'SELECT ''ab''::text AS x, NULL::text AS y');
CALL checkpoint.query('other names', 'SELECT ''ab''::text AS y, ''c''::text AS x');
CALL checkpoint.query('other types', 'SELECT ''ab''::varchar AS x, ''c''::text AS y');
CALL checkpoint.query('twice', 'SELECT ''ab''::text AS x, ''c''::text AS y FROM generate_series(1, 2)');
CALL checkpoint.query('none', 'SELECT ''ab''::text AS x, ''c''::text AS y WHERE false');
SELECT count(*), count(DISTINCT content_hash), count(DISTINCT input_hash) FROM hashes WHERE step !~ '^\d';
SELECT checkpoint.end_job();

--
-- Settings that change how a value is written do not make different values the
-- same (nor, in types.sql, the same values different).
--
CREATE SCHEMA hashes_a CREATE TABLE thing ();
CREATE SCHEMA hashes_b CREATE TABLE thing ();
CREATE FUNCTION describe(c regclass) RETURNS text LANGUAGE sql AS $$ SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = c $$;
SELECT checkpoint.begin_job('settings') AS job \gset
SET search_path = hashes_a;
CALL checkpoint.map('regclass', 'SELECT ''thing''::regclass AS v', 'hashes.describe(v)');
SET search_path = hashes_b;
CALL checkpoint.map('other regclass', 'SELECT ''thing''::regclass AS v', 'hashes.describe(v)');
SET search_path = hashes;
SELECT checkpoint.output('other regclass') AS output \gset
SELECT describe FROM :output;
SET extra_float_digits = -5;
CALL checkpoint.query('polygon', 'SELECT ''((0.123456789012341,0),(1,1))''::polygon AS p');
CALL checkpoint.query('other polygon', 'SELECT ''((0.123456789012342,0),(1,1))''::polygon AS p');
CALL checkpoint.query('path', 'SELECT ''((0.123456789012341,0),(1,1))''::path AS p');
CALL checkpoint.query('other path', 'SELECT ''((0.123456789012342,0),(1,1))''::path AS p');
RESET extra_float_digits;
SELECT step, action FROM checkpoint.steps WHERE job = 'settings';
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA hashes_a, hashes_b CASCADE;
DROP SCHEMA hashes CASCADE;
