--
-- Values of every type come through map and gen as they are, and are told
-- apart, or found again, by the content hash (rules 1 and 2).
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA types;
SET search_path = types;
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE TYPE pair AS (l int, r text);
CREATE TYPE nested AS (id int, p pair, ps pair[], c color, at timestamptz);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN pair_domain AS pair CHECK ((VALUE).l > 0);
CREATE DOMAIN ints AS int[];
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TYPE colors AS RANGE (subtype = color);

-- A server without XML support takes the text.
SET test.xml = 'xml';
DO $$
BEGIN
	PERFORM '<a/>'::xml;
EXCEPTION WHEN feature_not_supported THEN
	SET test.xml = 'varchar';
END $$;

-- Each type with some values; a NULL is added to each.
CREATE TABLE cases (type text, literals text[]);
INSERT INTO cases VALUES
	('bool', '{t,f}'), ('int2', '{-32768,32767}'), ('int4', '{0,-1}'), ('int8', '{9223372036854775807,-5}'),
	('float4', '{0,-0,NaN,Infinity,-Infinity,1.1e-30}'), ('float8', '{0,-0,NaN,Infinity,-Infinity,0.1,1e300}'),
	('numeric', '{0,1.0,1.00,-0.00001,NaN,Infinity,1e200,123456789012345678901234567890.5}'),
	('numeric(10,2)', '{1,1.005}'), ('money', '{1.50,-2}'), ('oid', '{0,4294967295}'),
	('"char"', '{a,""}'), ('char(5)', '{"a","a    ",""}'), ('varchar(5)', '{"a","a ",""}'),
	('text', '{"","a ","ä€𝄞","NULL","''\"\\"}'), ('name', '{"","abc"}'),
	('bytea', '{"","\\\\x00ff00","\\\\x27"}'), ('uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'),
	('date', '{2024-02-29,infinity,"4713-01-01 BC"}'), ('time', '{00:00,24:00,12:34:56.789012}'),
	('timetz', '{12:34:56+05:30,24:00-08}'), ('timestamp', '{2024-02-29 12:34:56.789012,-infinity}'),
	('timestamptz', '{2024-02-29 12:34:56.789012+00,infinity,"0044-03-15 12:00+00 BC"}'),
	('interval', '{1 mon,30 days,720:00:00,-1 year 2 days,0}'),
	('inet', '{10.0.0.1/8,10.0.0.1,::1}'), ('cidr', '{10.0.0.0/8}'), ('macaddr', '{08:00:2b:01:02:03}'),
	('macaddr8', '{08:00:2b:01:02:03:04:05}'), ('bit(3)', '{101,000}'), ('varbit', '{"",0,00,101}'),
	('point', '{"(1,-0)","(NaN,Infinity)"}'), ('line', '{"{1,2,3}"}'), ('lseg', '{"[(0,0),(1,1)]"}'),
	('box', '{"(1,1),(0,0)"}'), ('path', '{"[(0.12345678901234566,0),(1,1)]","((0,0),(1,1))"}'), ('polygon', '{"((0,0),(1,0.12345678901234566),(1,0))"}'),
	('circle', '{"<(0,0),1.5>"}'), ('json', '{"{\"b\": 1,  \"a\": [null, 1.0]}",null,3}'),
	('jsonb', '{"{\"b\": 1, \"a\": [null, 1.0]}",null,"\"\""}'), ('jsonpath', '{"$.a[*] ? (@ > 1)"}'),
	(current_setting('test.xml'), '{"<a><b c=\"d\"/></a>"}'),
	('tsvector', '{"''a'':1A,3 ''b''",""}'), ('tsquery', '{"''a'' & !''b''"}'),
	('int4range', '{empty,"[1,5)","(,)","[,3]"}'), ('numrange', '{"[1.0,2)","[1.00,2)"}'),
	('tstzrange', '{"[2024-01-01 00:00+00,infinity)"}'), ('floatrange', '{"[-0,1]",empty}'), ('colors', '{"[red,blue)"}'),
	('int4multirange', '{"{}","{[1,2),[5,7)}"}'), ('tstzmultirange', '{"{[2024-01-01 00:00+00,2024-02-01 00:00+00)}"}'),
	('regclass', '{types.cases,pg_class}'), ('regtype', '{types.color,integer[]}'), ('regprocedure', '{"length(text)"}'),
	('pg_lsn', '{0/0,FF/12345678}'), ('tid', '{"(1,2)"}'), ('xid8', '{3}'),
	('int4[]', '{"{}","{1,NULL,2}","{{1,2},{3,NULL}}","[0:1]={1,2}","{NULL}"}'),
	('text[]', '{"{\"\",NULL,\"NULL\",\"a,b\"}","{{{x}}}"}'), ('numeric[]', '{"{1.0,1.00}"}'),
	('timestamptz[]', '{"{2024-01-01 00:00+00,NULL}"}'), ('color', '{red,blue}'), ('color[]', '{"{red,NULL}"}'),
	('positive', '{1,2}'), ('ints', '{"{1,2}","{{1},{2}}"}'), ('positive[]', '{"{1,NULL}"}'),
	('pair', '{"(1,a)","(,)","(1,\"\")"}'), ('pair_domain', '{"(1,a)"}'), ('pair[]', '{"{\"(1,a)\",NULL,\"(,)\"}"}'),
	('nested', '{"(1,\"(2,x)\",\"{\"\"(3,y)\"\",NULL}\",green,\"2024-01-01 00:00+00\")","(,,,,)"}');
CREATE FUNCTION same(v anyelement) RETURNS anyelement LANGUAGE plpgsql AS $$ BEGIN RETURN v; END $$;
-- PL/pgSQL of PostgreSQL 16.2 cannot return a NULL of a domain over a composite type.
DO $$
BEGIN
	PERFORM same(NULL::pair_domain);
EXCEPTION WHEN internal_error THEN
	DELETE FROM cases WHERE type = 'pair_domain';
END $$;
\set ECHO none
SELECT format('CREATE TABLE %I AS SELECT i, v::%s FROM cases c, unnest(array_append(c.literals, NULL)) WITH ORDINALITY l (v, i) WHERE c.type = %L',
	'of ' || type, type, type) FROM cases \gexec
\set ECHO all

CREATE FUNCTION twice(v anyelement) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT v;
	RETURN NEXT v;
END $$;

-- differ counts rows whose values are not what SELECT gives: it compares text.
CREATE FUNCTION differ(step text, per_input int) RETURNS TABLE (total bigint, different bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT sum(n)::bigint, count(*) FILTER (WHERE w::text IS DISTINCT FROM (SELECT %s(v)::text LIMIT 1) OR n <> %s)
		FROM types.%I t LEFT JOIN LATERAL (SELECT w, count(*) OVER () AS n FROM %s o WHERE o.%s = t.i LIMIT 1) o ON true',
		CASE per_input WHEN 1 THEN 'same' ELSE 'twice' END, per_input, 'of ' || step, checkpoint.output(step),
		CASE per_input WHEN 1 THEN 'i' ELSE 'sys__input_id' END);
END $$;

-- action and rows of every step, and no value that is not what it was
SELECT checkpoint.begin_job('map') AS job \gset
\set ECHO none
SELECT format('CALL checkpoint.map(%L, %L, ''same(v) AS w'')', type, format('SELECT * FROM types.%I', 'of ' || type)) FROM cases \gexec
\set ECHO all
SELECT action, count(*) - (SELECT count(*) FROM cases) AS missing FROM checkpoint.steps WHERE job_id = :job GROUP BY 1;
SELECT count(*) FILTER (WHERE total = cardinality(literals) + 1) = count(*) AS complete, sum(different) AS different
FROM cases, differ(type, 1);
SELECT checkpoint.end_job();

SELECT checkpoint.begin_job('gen') AS job \gset
\set ECHO none
SELECT format('CALL checkpoint.gen(%L, %L, ''twice(v) AS w'')', type, format('SELECT v FROM types.%I ORDER BY i', 'of ' || type)) FROM cases \gexec
\set ECHO all
SELECT action, count(*) - (SELECT count(*) FROM cases) AS missing FROM checkpoint.steps WHERE job_id = :job GROUP BY 1;
SELECT count(*) FILTER (WHERE total = 2 * cardinality(literals) + 2) = count(*) AS complete, sum(different) AS different
FROM cases, differ(type, 2);
SELECT checkpoint.end_job();

--
-- Rules 1 and 2: in another session, with other settings, in another order,
-- after another value was written over it: the same rows are the same input.
--
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
SET search_path = pg_catalog;
SET TimeZone = 'Asia/Kolkata';
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -5;
SET bytea_output = 'escape';
SET xmloption = 'document';
\set ECHO none
SELECT format('UPDATE types.%I SET v = v', 'of ' || type) FROM types.cases \gexec
SELECT checkpoint.begin_job('map') AS job \gset
SELECT format('CALL checkpoint.map(%L, %L, ''types.same(v) AS w'')', type, format('SELECT * FROM types.%I ORDER BY i DESC', 'of ' || type)) FROM types.cases \gexec
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('gen') AS job \gset
SELECT format('CALL checkpoint.gen(%L, %L, ''types.twice(v) AS w'')', type, format('SELECT v FROM types.%I ORDER BY i DESC', 'of ' || type)) FROM types.cases \gexec
SELECT checkpoint.end_job();
\set ECHO all
SELECT job, step, action, reason FROM checkpoint.steps
WHERE job_id > :job - 2 AND action <> 'reused' ORDER BY 1, 2;
SELECT job, count(*) - (SELECT count(*) FROM types.cases) AS missing FROM checkpoint.steps
WHERE job_id > :job - 2 AND action = 'reused' GROUP BY 1 ORDER BY 1;

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA types CASCADE;
