--
-- Rule 1: when all that a query reads is the output of final checkpoints, and it
-- has nothing but immutable functions, its identity follows from what is stored,
-- and nothing is read.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA derived;
SET search_path = derived;

-- Says that it is immutable, and counts how often it is called: that is how we
-- see that a query is run.
CREATE SEQUENCE reads;
CREATE FUNCTION read(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('derived.reads');
	RETURN v;
END $$;
CREATE FUNCTION reads() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('derived.reads') - 1;
BEGIN
	PERFORM setval('derived.reads', 1, false);
	RETURN n;
END $$;
CREATE FUNCTION half(v int) RETURNS int LANGUAGE sql AS 'SELECT v / 2';
CREATE FUNCTION upto(v int) RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, v)';
CREATE TABLE source AS SELECT g AS v FROM generate_series(1, 6) g;

-- reads() says how many rows were read by the steps before it.
CREATE PROCEDURE pipeline(second text, third text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('derived');
	CALL checkpoint.map('a', 'SELECT v FROM source', 'half(v) AS h');
	CALL checkpoint.gen('b', second, 'upto(h)');
	CALL checkpoint.query('c', third);
	RAISE NOTICE 'rows read: %', reads();
	PERFORM checkpoint.end_job();
END $$;

CALL pipeline('SELECT read(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');
CALL pipeline('SELECT read(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');

-- Spelling does not count: step names by another alias, spacing, casts by
-- another syntax, another search_path.
CALL pipeline('select   derived.read( h )AS h from  a', 'SELECT read(upto) u, count(*) FROM b GROUP BY 1');

-- The upstream step is recomputed, to the same rows and in another order: as
-- read.  To other rows: not.
CREATE OR REPLACE FUNCTION half(v int) RETURNS int LANGUAGE sql AS 'SELECT v >> 1';
DELETE FROM source;
INSERT INTO source SELECT 7 - g FROM generate_series(1, 6) g;
CALL pipeline('SELECT read(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');
CREATE OR REPLACE FUNCTION half(v int) RETURNS int LANGUAGE sql AS 'SELECT v + 0';
CALL pipeline('SELECT read(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');
-- and back
CREATE OR REPLACE FUNCTION half(v int) RETURNS int LANGUAGE sql AS 'SELECT v / 2';
CALL pipeline('SELECT read(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');

-- A rewritten query with the same rows is read once, and is the same input.
CALL pipeline('SELECT read(h) AS h FROM a WHERE h < 100', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');
CALL pipeline('SELECT read(h) AS h FROM a WHERE h < 100', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');

-- A function that the query calls is part of it.
CREATE FUNCTION scaled(v int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT derived.read(v) * 1';
CALL pipeline('SELECT scaled(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');
CALL pipeline('SELECT scaled(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');
CREATE OR REPLACE FUNCTION scaled(v int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT derived.read(v) * 2';
CALL pipeline('SELECT scaled(h) AS h FROM a', 'SELECT read(upto) AS u, count(*) FROM b GROUP BY 1');

-- What is not immutable is read each time: a volatile or a stable function, a
-- place in the table.  Tables that have not changed are not: see
-- unchanged_tables.
CALL pipeline('SELECT read(h) AS h FROM a, (SELECT 1 FROM source LIMIT 1) s', 'SELECT read(upto) AS u FROM b WHERE random() >= 0');
CALL pipeline('SELECT read(h) AS h FROM a, (SELECT 1 FROM source LIMIT 1) s', 'SELECT read(upto) AS u FROM b WHERE random() >= 0');
CALL pipeline('SELECT read(h) AS h FROM a WHERE now() > ''2020-01-01''', 'SELECT read(upto) AS u FROM b WHERE current_date > ''2020-01-01''');
CALL pipeline('SELECT read(h) AS h FROM a WHERE now() > ''2020-01-01''', 'SELECT read(upto) AS u FROM b WHERE current_date > ''2020-01-01''');
CREATE VIEW seen AS SELECT v FROM source;
CALL pipeline('SELECT read(h) AS h FROM a WHERE h IN (TABLE seen)', 'SELECT 1 AS one');
CALL pipeline('SELECT read(h) AS h FROM a WHERE h IN (TABLE seen)', 'SELECT 1 AS one');

-- Content hashes do not see the rows' numbers: who reads them depends on the
-- very checkpoint.
CALL pipeline('SELECT read(h) AS h, sys__id AS id FROM a', 'SELECT read(upto) AS u, sys__input_id AS i FROM b');
CALL pipeline('SELECT read(h) AS h, sys__id AS id FROM a', 'SELECT read(upto) AS u, sys__input_id AS i FROM b');
DELETE FROM source;
INSERT INTO source SELECT g FROM generate_series(1, 6) g;
SELECT checkpoint.begin_job('derived', fresh => true) > 0;
CALL checkpoint.map('a', 'SELECT v FROM source', 'half(v) AS h');
SELECT checkpoint.end_job();
CALL pipeline('SELECT read(h) AS h, sys__id AS id FROM a', 'SELECT read(upto) AS u, sys__input_id AS i FROM b');

-- Outputs read as tables, in joins, CTEs and sub-selects.
SELECT checkpoint.begin_job('derived') > 0;
CALL checkpoint.map('a', 'SELECT v FROM source', 'half(v) AS h');
SELECT checkpoint.output('a') AS a \gset
SELECT checkpoint.end_job();
CALL pipeline('SELECT h FROM a LIMIT 2', 'SELECT read(x.h) AS h FROM ' || :'a' || ' x JOIN a y USING (v) WHERE EXISTS (SELECT FROM b WHERE upto = x.h)');
CALL pipeline('SELECT h FROM a LIMIT 2', 'SELECT read(x.h) AS h FROM ' || :'a' || ' x JOIN a y USING (v) WHERE EXISTS (SELECT FROM b WHERE upto = x.h)');
CALL pipeline('WITH w AS (SELECT h FROM a) SELECT h FROM w', 'SELECT read(count(*)::int) AS n FROM b FULL JOIN (SELECT h FROM a UNION ALL TABLE b) u ON u.h = upto');
CALL pipeline('WITH w AS (SELECT h FROM a) SELECT h FROM w', 'SELECT read(count(*)::int) AS n FROM b FULL JOIN (SELECT h FROM a UNION ALL TABLE b) u ON u.h = upto');

-- No relation at all.
CALL pipeline('SELECT read(g) AS h FROM generate_series(1, 3) g', 'VALUES (read(1))');
CALL pipeline('SELECT read(g) AS h FROM generate_series(1, 3) g', 'VALUES (read(1))');

-- An output that is not final is read: rows may still come to it.
CREATE FUNCTION picky(v int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF v = 3 THEN
		RAISE 'not %', v;
	END IF;
	RETURN v;
END $$;
CREATE PROCEDURE partial() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('partial');
	CALL checkpoint.map('a', 'SELECT v FROM source', 'picky(v) AS p', on_error => 'skip');
	CALL checkpoint.query('b', 'SELECT read(p) AS p FROM a');
	RAISE NOTICE 'rows read: %', reads();
	PERFORM checkpoint.end_job();
END $$;
CALL partial();
CALL partial();
CREATE OR REPLACE FUNCTION picky(v int) RETURNS int LANGUAGE sql AS 'SELECT v';
CALL partial();
CALL partial();

-- An aggregate is said to be immutable, whatever it does.
CREATE TABLE rate AS SELECT 10 AS r;
CREATE FUNCTION add_at_rate(s int, v int) RETURNS int STABLE LANGUAGE sql AS 'SELECT s + v * (SELECT r FROM derived.rate)';
CREATE AGGREGATE total(int) (SFUNC = add_at_rate, STYPE = int, INITCOND = '0');
SELECT checkpoint.begin_job('aggregate') > 0;
CALL checkpoint.map('a', 'SELECT v FROM source', 'v * 3 AS w');
CALL checkpoint.query('b', 'SELECT total(w) FROM a');
CALL checkpoint.query('c', 'SELECT w, total(w) OVER (ORDER BY w) FROM a');
UPDATE rate SET r = 100;
SELECT checkpoint.begin_job('aggregate') > 0;
CALL checkpoint.map('a', 'SELECT v FROM source', 'v * 3 AS w');
CALL checkpoint.query('b', 'SELECT total(w) FROM a');
CALL checkpoint.query('c', 'SELECT w, total(w) OVER (ORDER BY w) FROM a');
SELECT checkpoint.end_job();

-- Another role's outputs, and those with row security, are no stored knowledge.
SELECT checkpoint.begin_job('security') > 0;
CALL checkpoint.map('a', 'SELECT v FROM source', 'v + 0 AS w');
SELECT checkpoint.output('a') AS a \gset
ALTER TABLE :a ENABLE ROW LEVEL SECURITY;
CALL checkpoint.query('b', 'SELECT read(w) AS w FROM a');
SELECT checkpoint.begin_job('security') > 0;
CALL checkpoint.map('a', 'SELECT v FROM source', 'v + 0 AS w');
SELECT reads();
CALL checkpoint.query('b', 'SELECT read(w) AS w FROM a');
SELECT reads();
SELECT checkpoint.end_job();

-- Nor are those whose values name something that can get another name.
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE PROCEDURE moods() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('moods');
	CALL checkpoint.map('a', 'SELECT v FROM source WHERE v < 3', '(enum_range(NULL::mood))[v] AS m');
	CALL checkpoint.query('b', 'SELECT read(v) AS v, m::text AS m FROM a');
	RAISE NOTICE 'rows read: %', reads();
	PERFORM checkpoint.end_job();
END $$;
CALL moods();
CALL moods();
ALTER TYPE mood RENAME VALUE 'bad' TO 'worse';
CALL moods();

-- Another role's output is no stored knowledge either: what stands under its name
-- is read.
CREATE ROLE regress_derived;
GRANT USAGE ON SCHEMA derived TO regress_derived;
GRANT SELECT ON source TO regress_derived;
SET ROLE regress_derived;
SELECT checkpoint.begin_job('theirs') > 0;
CALL checkpoint.map('theirs', 'SELECT v FROM source', 'v * 2 AS w');
SELECT checkpoint.output('theirs') AS theirs \gset
SELECT checkpoint.end_job();
RESET ROLE;
CREATE PROCEDURE reads_theirs(output regclass) LANGUAGE plpgsql AS $$
DECLARE
	total int;
BEGIN
	PERFORM checkpoint.begin_job('reads theirs');
	CALL checkpoint.query('q', format('SELECT w FROM %s', output));
	EXECUTE 'SELECT sum(w) FROM ' || checkpoint.output('q') INTO total;
	RAISE NOTICE 'sum %', total;
	PERFORM checkpoint.end_job();
END $$;
CALL reads_theirs(:'theirs');
CALL reads_theirs(:'theirs');
CREATE TABLE instead AS SELECT sys__id, v, w + 1 AS w FROM :theirs;
DROP TABLE :theirs;
ALTER TABLE instead SET SCHEMA checkpoint_data;
SELECT split_part(:'theirs', '.', 2) AS name \gset
ALTER TABLE checkpoint_data.instead RENAME TO :name;
ALTER TABLE :theirs OWNER TO regress_derived;
CALL reads_theirs(:'theirs');
DROP OWNED BY regress_derived;
DROP ROLE regress_derived;

SET client_min_messages = warning;
DROP SCHEMA derived CASCADE;
