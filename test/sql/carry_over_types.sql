--
-- Rule 3: what makes values equal when rows are carried over, and that results
-- are carried over whole.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA carry;
SET search_path = carry;
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE FUNCTION long(n int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg(md5(n || '-' || g), '') FROM generate_series(1, 400) g$$;
CREATE TABLE source (
	id int, f float8, n numeric, j json, p point, a int[], c pair, d positive, m mood, r int4range, t text);
-- one row each that is the same later, and one that looks the same
INSERT INTO source (id) VALUES (1);
INSERT INTO source (id, f) VALUES (10, 'NaN'), (11, 0), (12, '-Infinity');
INSERT INTO source (id, n) VALUES (20, 'NaN'), (21, 1.0), (22, 1.00);
INSERT INTO source (id, j) VALUES (30, '{"a": 1}'), (31, '{"a":1}');
INSERT INTO source (id, p) VALUES (40, '(1,2)'), (41, '(1,0)');
INSERT INTO source (id, a) VALUES (50, '{1,NULL,3}'), (51, '{1,2}'), (52, '[0:1]={1,2}');
INSERT INTO source (id, c) VALUES (60, (1, NULL)), (61, (1, '')), (62, NULL);
INSERT INTO source (id, d, m, r) VALUES (70, 1, 'sad', '[1,3)'), (71, 2, 'happy', 'empty');
INSERT INTO source (id, t) SELECT 80 + g, long(g) FROM generate_series(1, 5) g;

-- a result for each row that shows which row it was computed for
CREATE TABLE called (id int);
CREATE FUNCTION told(f float8, n numeric, j json, p point, a int[], c pair, d positive, m mood,
	r int4range, t text, OUT said text, OUT c2 pair, OUT again text, OUT d2 positive, OUT a2 int[])
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO carry.called VALUES (0);
	said := md5(concat_ws('|', f, n, j, p, a, c, d, m, r, t));
	c2 := c;
	again := t || t;
	d2 := d;
	a2 := a;
END $$;
\set input '\'SELECT * FROM source ORDER BY id\''
\set udf '\'told(f, n, j, p, a, c, d, m, r, t)\''
CREATE PROCEDURE check_output(step text) LANGUAGE plpgsql AS $$
DECLARE
	output regclass := checkpoint.output(step);
	columns text := 'id, said, c2, again, d2, a2';
	wrong bigint;
	hash boolean;
	calls bigint := (SELECT count(*) FROM called);
BEGIN
	EXECUTE format('SELECT count(*),'
		' (SELECT checkpoint.content_hash(o) FROM %1$s o) IS NOT DISTINCT FROM'
		' (SELECT content_hash FROM checkpoint.checkpoints WHERE output_table = ''%1$s''::regclass)'
		' FROM ((SELECT %2$s, source::text FROM %1$s JOIN source USING (id) EXCEPT ALL %3$s)'
		' UNION ALL (%3$s EXCEPT ALL SELECT %2$s, source::text FROM %1$s JOIN source USING (id))) d', output, columns,
		'SELECT id, told.*, source::text FROM source, told(f, n, j, p, a, c, d, m, r, t)')
		INTO wrong, hash;
	TRUNCATE called;
	RAISE NOTICE '% calls, % rows differ, hash is %', calls, wrong,
		CASE WHEN hash THEN 'right' ELSE 'wrong' END;
END $$;

SELECT checkpoint.begin_job('types') AS job \gset
CALL checkpoint.map('m', :input, :udf);
CALL check_output('m');
SELECT checkpoint.end_job();

-- Nothing that can be told from what it was, in another order.
DELETE FROM source WHERE id = 81;
SELECT checkpoint.begin_job('types') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM source ORDER BY md5(id::text)', :udf);
CALL check_output('m');
-- Long values are the new table's own.
SELECT output_table AS old FROM checkpoint.checkpoints ORDER BY checkpoint_id LIMIT 1 \gset
DROP TABLE :old;
CALL check_output('m');
SELECT checkpoint.end_job();

-- Values that are equal but not the same: a function may tell them apart.
UPDATE source SET f = '-0' WHERE id = 11;
UPDATE source SET n = n * 1.0 WHERE id IN (21, 22);
UPDATE source SET j = '{"a" : 1}' WHERE id = 31;
UPDATE source SET p = '(1,-0)' WHERE id = 41;
UPDATE source SET a = '[2:3]={1,2}' WHERE id = 51;
UPDATE source SET c = (NULL, NULL) WHERE id = 62;
SELECT checkpoint.begin_job('types') AS job \gset
CALL checkpoint.map('m', :input, :udf);
CALL check_output('m');
SELECT checkpoint.end_job();

-- Long values change in a column that the UDF does not read.
UPDATE source SET f = id WHERE id < 20;
SELECT checkpoint.begin_job('types') AS job \gset
CALL checkpoint.map('n', :input, 'f * 2 AS g');
UPDATE source SET t = long(100 + id) WHERE id > 80;
SELECT checkpoint.begin_job('types') AS job \gset
CALL checkpoint.map('n', 'SELECT * FROM source ORDER BY id DESC', 'f * 2 AS g');
SELECT checkpoint.output('n') AS output \gset
SELECT count(*), count(*) FILTER (WHERE o.t = s.t), count(*) FILTER (WHERE o.g = s.f * 2) FROM :output o JOIN source s USING (id);
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA carry CASCADE;
