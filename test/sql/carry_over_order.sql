--
-- Rule 3: another input, whose rows come in any order, and in little memory.
-- However few rows can wait for an equal one, all pairs are found.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA carry;
SET search_path = carry;
-- no more than 2048 rows wait
SET work_mem = '64kB';
SET hash_mem_multiplier = 2;
CREATE SEQUENCE calls;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('carry.calls') - 1;
BEGIN
	PERFORM setval('carry.calls', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION doubled(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	RETURN v * 2;
END $$;
CREATE FUNCTION upto(v int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	RETURN QUERY SELECT generate_series(1, CASE v % 50 WHEN 0 THEN 30 ELSE v % 3 END);
END $$;
-- some notes are stored out of line
CREATE TABLE source AS SELECT g AS id, g AS v,
	(SELECT string_agg(md5(g || '-' || i), '') FROM generate_series(1, CASE g % 500 WHEN 0 THEN 300 ELSE 1 END) i) AS note
FROM generate_series(1, 10000) g;

-- Every output is compared with one computed from scratch, and its hash with
-- that of what is in it.
CREATE PROCEDURE check_output(step text, columns text, scratch text) LANGUAGE plpgsql AS $$
DECLARE
	output regclass := checkpoint.output(step);
	wrong bigint;
	ids bigint;
	hash boolean;
BEGIN
	EXECUTE format('SELECT count(*), (SELECT count(*) - count(DISTINCT sys__id) FROM %1$s),'
		' (SELECT checkpoint.content_hash(o) FROM %1$s o) IS NOT DISTINCT FROM'
		' (SELECT content_hash FROM checkpoint.checkpoints WHERE output_table = ''%1$s''::regclass)'
		' FROM ((SELECT %2$s FROM %1$s EXCEPT ALL %3$s)'
		' UNION ALL (%3$s EXCEPT ALL SELECT %2$s FROM %1$s)) d', output, columns, scratch)
		INTO wrong, ids, hash;
	RAISE NOTICE '% rows differ, % ids are not unique, hash is %', wrong, ids,
		CASE WHEN hash THEN 'right' ELSE 'wrong' END;
END $$;
CREATE PROCEDURE night(input text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('order');
	COMMIT;
	CALL checkpoint.map('m', input, 'doubled(v) AS d');
	RAISE NOTICE '% calls', carry.calls();
	COMMIT;
	CALL carry.check_output('m', 'id, v, note, d', 'SELECT id, v, note, v * 2 FROM (' || input || ') i');
	CALL checkpoint.gen('g', input, 'upto(v)');
	RAISE NOTICE '% calls', carry.calls();
	COMMIT;
	CALL carry.check_output('g', 'upto', 'SELECT upto FROM (' || input || ') i,'
		' generate_series(1, CASE v % 50 WHEN 0 THEN 30 ELSE v % 3 END) upto');
	PERFORM checkpoint.end_job();
	COMMIT;
END $$;

CALL night('SELECT * FROM source');

-- rows move to the end
UPDATE source SET v = v + 20000 WHERE id % 100 = 1;
UPDATE source SET note = 'changed' WHERE id % 100 = 2;
DELETE FROM source WHERE id % 1000 = 3;
INSERT INTO source SELECT g, g, 'new' FROM generate_series(10001, 10005) g;
CALL night('SELECT * FROM source');

-- all rows move
UPDATE source SET v = v + 20000 WHERE id % 100 = 2;
CALL night('SELECT * FROM source ORDER BY md5(id::text)');
UPDATE source SET v = v + 20000 WHERE id % 100 = 3;
CALL night('SELECT * FROM source ORDER BY id DESC');

-- more rows are removed from the beginning, and added at the end, than can wait
DELETE FROM source WHERE id <= 5000;
INSERT INTO source SELECT g, g, 'new' FROM generate_series(10006, 15000) g;
CALL night('SELECT * FROM source ORDER BY id DESC');
UPDATE source SET v = v + 20000 WHERE id % 100 = 4;
CALL night('SELECT * FROM source ORDER BY id < 12000, id');

-- few rows are left; many come back
CALL night('SELECT * FROM source WHERE id % 1000 = 1 ORDER BY md5(id::text)');
UPDATE source SET v = v + 20000 WHERE id % 100 = 5;
CALL night('SELECT * FROM source');

-- Many equal rows: one for one.
CREATE TABLE seven AS SELECT g AS id, g % 7 AS v, md5(g::text) AS note FROM generate_series(1, 20000) g;
CALL night('SELECT * FROM seven');
CALL night('SELECT * FROM seven UNION ALL SELECT 0, 3, ''new'' ORDER BY v, id');
CALL night('SELECT * FROM seven WHERE id > 10 ORDER BY md5(id::text)');
CALL night('SELECT * FROM seven UNION ALL SELECT g, -8, ''new'' FROM generate_series(1, 10) g ORDER BY v DESC, id');

-- What is computed is at the end of the output; when it is much, all is brought
-- into order.
CREATE TABLE mixed AS SELECT g AS id, g AS v, md5(g::text) AS note FROM generate_series(1, 9000) g;
CREATE FUNCTION places_out_of_order() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT sys__id < max(sys__id) OVER (ORDER BY ctid) AS behind FROM %s) o'
		' WHERE behind', checkpoint.output('m')) INTO n;
	RETURN n;
END $$;
CREATE PROCEDURE mixed_night() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('mixed');
	COMMIT;
	CALL checkpoint.map('m', 'SELECT * FROM mixed ORDER BY id', 'doubled(v) AS d');
	CALL carry.check_output('m', 'id, v, note, d', 'SELECT id, v, note, v * 2 FROM mixed');
	RAISE NOTICE '% rows are not in order', carry.places_out_of_order();
	PERFORM checkpoint.end_job();
	COMMIT;
END $$;
CALL mixed_night();
UPDATE mixed SET v = v + 10000 WHERE id % 3 = 1;
CALL mixed_night();
UPDATE mixed SET v = v + 20000 WHERE id % 1000 = 2;
CALL mixed_night();
UPDATE mixed SET v = v + 20000 WHERE id % 1000 = 3;
CALL mixed_night();

-- an unfinished step, of whose rows some have a result
CREATE TABLE few AS SELECT g AS id, g AS v, md5(g::text) AS note FROM generate_series(1, 6000) g;
CREATE FUNCTION stops(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('carry.calls');
	IF v = 3001 THEN
		RAISE 'stop';
	END IF;
	RETURN v * 2;
END $$;
SELECT checkpoint.begin_job('stops') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM few ORDER BY id', 'stops(v) AS d');
DELETE FROM few WHERE id IN (10, 5010) OR v = 3001;
UPDATE few SET v = v + 20000 WHERE id % 1000 = 11;
INSERT INTO few SELECT g, g, 'new' FROM generate_series(6001, 6007) g;
SELECT calls();
SELECT checkpoint.begin_job('stops') AS job \gset
CALL checkpoint.map('m', 'SELECT * FROM few ORDER BY md5(id::text)', 'stops(v) AS d');
SELECT calls();
CALL check_output('m', 'id, v, note, d', 'SELECT id, v, note, v * 2 FROM few');
SELECT checkpoint.end_job();

-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA carry CASCADE;
