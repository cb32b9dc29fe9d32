--
-- Rule 3: rows are equal, and a result is carried over, if all that the UDF reads
-- of them is the same.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA keys;
SET search_path = keys;
-- differ counts the output rows of a step that are not those of a query, and the other way round
CREATE FUNCTION differ(step text, truth text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = checkpoint.output(step) AND attnum > 0 AND attname NOT LIKE 'sys\_\_%');
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((SELECT %1$s FROM %2$s EXCEPT ALL %3$s) UNION ALL (%3$s EXCEPT ALL SELECT %1$s FROM %2$s)) d',
		columns, checkpoint.output(step), truth) INTO result;
	RETURN result;
END $$;

--
-- A column read only in a sub-select counts.
--
CREATE TABLE t AS SELECT g AS a, 10 * g AS b, 100 * g AS c, 1000 * g AS d FROM generate_series(1, 5) g;
CREATE TABLE factor AS SELECT 1 AS x;
\set map 'CALL checkpoint.map(\'m\', \'SELECT * FROM t ORDER BY a\', \'a + (SELECT input.b) AS ab, (SELECT c * x FROM factor) AS c1, (SELECT (SELECT sum(y) FROM (SELECT input.d AS y) s)) AS d1\');'
\set gen 'CALL checkpoint.gen(\'g\', \'SELECT * FROM t ORDER BY a\', \'generate_series((SELECT input.b), (SELECT max(y) FROM (VALUES (b), (b + a)) v (y))) AS s\');'
\set map_truth 'SELECT a, b, c, d, a + b, c, d::bigint FROM t'
\set gen_truth 'SELECT generate_series(b, b + a) FROM t'
SELECT checkpoint.begin_job('keys') AS job \gset
:map
:gen
SELECT differ('m', :'map_truth'), differ('g', :'gen_truth');
SELECT checkpoint.end_job();
UPDATE t SET b = 11 WHERE a = 1;
UPDATE t SET c = 222 WHERE a = 2;
UPDATE t SET d = 3333 WHERE a = 3;
SELECT checkpoint.begin_job('keys') AS job \gset
:map
:gen
SELECT differ('m', :'map_truth'), differ('g', :'gen_truth');
SELECT checkpoint.end_job();

--
-- Which values are null counts: also in the 9th, 17th and 65th column.
--
CREATE FUNCTION null_at(VARIADIC int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT array_position($1, NULL)';
CREATE FUNCTION nulls_at(VARIADIC int[]) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT array_position($1, NULL)';
CREATE TABLE missing AS SELECT 1 AS i;
CREATE TABLE wide AS
SELECT n, 'SELECT ' || string_agg(format('CASE WHEN i <> %1$s THEN 1 END AS c%1$s', c), ', ' ORDER BY c) || ' FROM missing' AS input,
	string_agg('c' || c, ', ' ORDER BY c) AS columns
FROM (VALUES (9), (17), (65)) v (n), generate_series(1, n) c GROUP BY n;
CREATE TABLE results (columns int, missing int, map int, gen int);
CREATE FUNCTION note(n int, missing int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO results SELECT $1, $2, (SELECT null_at FROM %s), (SELECT nulls_at FROM %s)',
		checkpoint.output('m' || n), checkpoint.output('g' || n)) USING n, missing;
END $$;
SET client_min_messages = warning;
\set ECHO none
\o /dev/null
SELECT statement FROM wide, (VALUES (1), (9), (17), (65)) m (missing), (VALUES
	(1, 'UPDATE missing SET i = %3$s'),
	(2, 'SELECT checkpoint.begin_job(''nulls'')'),
	(3, 'CALL checkpoint.map(''m%1$s'', %2$L, ''null_at(%4$s)'')'),
	(4, 'CALL checkpoint.gen(''g%1$s'', %2$L, ''nulls_at(%4$s)'')'),
	(5, 'SELECT note(%1$s, %3$s)'),
	(6, 'SELECT checkpoint.end_job()')) s (part, text),
	LATERAL (SELECT format(text, n, input, missing, columns) AS statement) f
WHERE missing <= n ORDER BY n, missing, part \gexec
\o
\set ECHO all
RESET client_min_messages;
SELECT * FROM results ORDER BY 1, 2;

--
-- A column with another collation, or another type modifier, carries nothing
-- over.
--
CREATE FUNCTION words(t text) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS $$ SELECT length(w) FROM regexp_split_to_table($1, ' ') w ORDER BY w $$;
CREATE TABLE texts (t varchar(20) COLLATE "C");
INSERT INTO texts VALUES ('b a'), ('d c'), ('f e');
SELECT checkpoint.begin_job('collation') AS job \gset
CALL checkpoint.gen('g', 'SELECT t FROM texts', 'words(t)');
CALL checkpoint.gen('cast', 'SELECT t FROM texts', 'words(t COLLATE "C")');
-- the same columns and one row more: carried over
INSERT INTO texts VALUES ('h g');
SELECT checkpoint.begin_job('collation') AS job \gset
CALL checkpoint.gen('g', 'SELECT t FROM texts', 'words(t)');
CALL checkpoint.gen('cast', 'SELECT t FROM texts', 'words(t COLLATE "C")');
-- another collation
INSERT INTO texts VALUES ('j i');
SELECT checkpoint.begin_job('collation') AS job \gset
CALL checkpoint.gen('g', 'SELECT t COLLATE "POSIX" AS t FROM texts', 'words(t)');
CALL checkpoint.gen('cast', 'SELECT t COLLATE "POSIX" AS t FROM texts', 'words(t COLLATE "C")');
-- another type modifier
INSERT INTO texts VALUES ('l k');
SELECT checkpoint.begin_job('collation') AS job \gset
CALL checkpoint.gen('g', 'SELECT t::varchar(10) COLLATE "POSIX" AS t FROM texts', 'words(t)');
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA keys CASCADE;
