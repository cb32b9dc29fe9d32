--
-- save(as_table => true): the target is a plain table, into which rows that differ
-- are merged.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA publish_table;
SET search_path = publish_table;
CREATE TABLE source (id int, name text, price numeric);
INSERT INTO source SELECT i, 'name ' || i, i FROM generate_series(1, 5) i;

CREATE PROCEDURE publish(query text = 'SELECT * FROM publish_table.source', target text = 'publish_table.items') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('tables');
	CALL checkpoint.save(target, query, as_table => true);
	PERFORM checkpoint.end_job();
END $$;
-- rows that were written by the last publication
CREATE FUNCTION was_written(xid) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN $1::text = current_setting('publish.xmin', true) THEN 'kept' ELSE 'written' END
$$;

--
-- It is made where there is none, and then its rows are merged.
--
CALL publish();
SELECT c.relkind, c.relowner = current_user::regrole AS mine,
	string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.oid = 'items'::regclass AND a.attnum > 0 GROUP BY 1, 2;
SELECT *, xmin AS x FROM items WHERE id = 1 \gset
SELECT set_config('publish.xmin', :'x', false) IS NOT NULL AS noted;
SELECT target, as_table FROM checkpoint.published;
SELECT xmin AS was, since AS since FROM pg_class, checkpoint.published WHERE oid = 'items'::regclass \gset
-- the same rows: nothing is written
CALL publish('SELECT * FROM publish_table.source ORDER BY id DESC');
SELECT *, was_written(xmin) FROM items ORDER BY id;
SELECT c.xmin = :'was' AS untouched, p.since = :'since' AS same_since FROM pg_class c, checkpoint.published p WHERE c.oid = 'items'::regclass;
-- whole rows, several of a kind, nulls, values that are equal but not the same
INSERT INTO source VALUES (1, 'name 1', 1), (1, 'name 1', 1), (NULL, NULL, NULL), (NULL, NULL, NULL);
UPDATE source SET price = '2.00' WHERE id = 2;
DELETE FROM source WHERE id = 3;
CALL publish();
SELECT *, was_written(xmin) FROM items ORDER BY id, 4;
SELECT since > :'since' AS since_now FROM checkpoint.published;
DELETE FROM source WHERE ctid = (SELECT max(ctid) FROM source WHERE id = 1);
DELETE FROM source WHERE ctid = (SELECT max(ctid) FROM source WHERE id IS NULL);
CALL publish();
SELECT *, count(*) FROM items GROUP BY id, name, price ORDER BY id;
SELECT (SELECT checkpoint.content_hash(i) FROM items i) = (SELECT checkpoint.content_hash(s) FROM source s) AS same;
-- what somebody has written into the table is put right
DELETE FROM items WHERE id > 3;
UPDATE items SET price = 100 WHERE id = 2;
CALL publish();
SELECT (SELECT checkpoint.content_hash(i) FROM items i) = (SELECT checkpoint.content_hash(s) FROM source s) AS same;
-- the same where there are too many rows for memory
SET maintenance_work_mem = '1MB';
CALL publish('SELECT i % 30000 AS id, i::text AS name, NULL::numeric AS price FROM generate_series(1, 60000) i');
CALL publish('SELECT i % 30000 AS id, (i % 59999)::text AS name, NULL::numeric AS price FROM generate_series(1, 60005) i');
RESET maintenance_work_mem;
SELECT (SELECT checkpoint.content_hash(i) FROM items i) =
	(SELECT checkpoint.content_hash(s) FROM (SELECT i % 30000 AS id, (i % 59999)::text AS name, NULL::numeric AS price
		FROM generate_series(1, 60005) i) s) AS same;
CALL publish('SELECT * FROM publish_table.source WHERE false');
SELECT count(*) FROM items;

--
-- With a primary key, rows that differ are updated.
--
DELETE FROM source WHERE id IS NULL OR id = 1;
INSERT INTO source VALUES (1, 'name 1', 1);
CALL publish();
ALTER TABLE items ADD PRIMARY KEY (id);
SELECT set_config('publish.xmin', xmin::text, false) IS NOT NULL AS noted FROM items LIMIT 1;
CREATE TABLE log (op text, id int, who name);
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO publish_table.log SELECT tg_op, COALESCE(new.id, old.id), current_user;
	RETURN COALESCE(new, old);
END $$;
CREATE TRIGGER logs BEFORE INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION logs();
UPDATE source SET name = 'changed' WHERE id = 2;
DELETE FROM source WHERE id = 4;
INSERT INTO source VALUES (6, 'name 6', NULL);
CALL publish();
SELECT *, was_written(xmin) FROM items ORDER BY id;
SELECT op, id FROM log;
-- two rows of one key, a null in it: the old rows stay, and the constraint is named
CALL publish('SELECT id, name || n AS name, price FROM publish_table.source, generate_series(1, 2) n');
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
CALL publish('SELECT NULL::int AS id, name, price FROM publish_table.source');
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
SELECT *, was_written(xmin) FROM items ORDER BY id;
-- two columns, of which one has values that are equal but not the same
CREATE TABLE keyed (a text COLLATE "C", b numeric, c varchar(3), PRIMARY KEY (b, a));
CALL publish('SELECT ''A'' AS a, 1.0 AS b, ''x'' AS c UNION ALL SELECT ''B'', 2.5, ''y''', 'publish_table.keyed');
SELECT set_config('publish.xmin', xmin::text, false) IS NOT NULL AS noted FROM keyed LIMIT 1;
CALL publish('SELECT ''A'' AS a, 1.00 AS b, ''x'' AS c UNION ALL SELECT ''B'', 2.5, ''y''', 'publish_table.keyed');
SELECT *, was_written(xmin) FROM keyed ORDER BY b;
CALL publish('SELECT ''a'' AS a, 1::numeric AS b, ''xyz and more'' AS c', 'publish_table.keyed');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM keyed;

--
-- A table made by hand: columns that the query lacks get their defaults, and are left
-- alone when rows are updated.
--
CREATE TABLE by_hand (
	id int PRIMARY KEY,
	n int GENERATED ALWAYS AS IDENTITY,
	m int GENERATED BY DEFAULT AS IDENTITY (START 100),
	name text NOT NULL UNIQUE,
	double numeric GENERATED ALWAYS AS (price * 2) STORED,
	price numeric(10, 2) CHECK (price >= 0),
	note text DEFAULT 'new');
CALL publish('SELECT * FROM publish_table.source', 'publish_table.by_hand');
SELECT * FROM by_hand ORDER BY id;
UPDATE by_hand SET note = 'mine' WHERE id < 3;
SELECT set_config('publish.xmin', xmin::text, false) IS NOT NULL AS noted FROM by_hand WHERE id > 3 LIMIT 1;
UPDATE source SET price = 20 WHERE id = 2;
CALL publish('SELECT price, id, name FROM publish_table.source', 'publish_table.by_hand');
SELECT id, name, double, price, note, was_written(xmin) FROM by_hand ORDER BY id;
-- what is too long for a column is no value of it, also where the table has the first part of it
CREATE DOMAIN short AS varchar(3);
CREATE TABLE lengths (a char(3), b varchar(3), c bit(3), d varbit(3), e short, f char(3)[]);
CALL publish('SELECT ''ab'' AS a, ''abc'' AS b, B''101'' AS c, B''101'' AS d, ''abc'' AS e, ''{abc}''::text[] AS f', 'publish_table.lengths');
SELECT set_config('publish.xmin', xmin::text, false) IS NOT NULL AS noted FROM lengths;
CALL publish('SELECT ''ab  '' AS a, ''abc '' AS b, B''101'' AS c, B''101'' AS d, ''abc'' AS e, ''{abc}''::text[] AS f', 'publish_table.lengths');
SELECT *, was_written(xmin) FROM lengths;
CALL publish('SELECT ''ab d''::text AS a', 'publish_table.lengths');
CALL publish('SELECT ''abcd''::text AS b', 'publish_table.lengths');
CALL publish('SELECT B''1011''::varbit AS c', 'publish_table.lengths');
CALL publish('SELECT B''1011''::varbit AS d', 'publish_table.lengths');
CALL publish('SELECT ''abcd''::text AS e', 'publish_table.lengths');
-- columns that it lacks, or that only the server gives values: before the step starts
SELECT checkpoint.begin_job('columns') AS job \gset
\set VERBOSITY default
CALL checkpoint.save('publish_table.by_hand', 'SELECT *, 1 AS other FROM publish_table.source', as_table => true);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publish_table.by_hand', 'SELECT *, 1 AS double FROM publish_table.source', as_table => true);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publish_table.by_hand', 'SELECT *, 1 AS n FROM publish_table.source', as_table => true);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publish_table.by_hand', 'SELECT id, name, point(1, 2) AS price FROM publish_table.source', as_table => true);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT count(*) AS steps FROM checkpoint.steps WHERE job_id = :job;
CALL checkpoint.save('publish_table.by_hand', 'SELECT *, 7 AS m FROM publish_table.source', as_table => true);
SELECT DISTINCT m FROM by_hand;
SELECT checkpoint.end_job();
-- constraints: the old rows stay, and the constraint is named
CALL publish('SELECT id, name, -price AS price FROM publish_table.source', 'publish_table.by_hand');
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
CALL publish('SELECT id, ''one name'' AS name, price FROM publish_table.source', 'publish_table.by_hand');
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
CALL publish('SELECT id, NULL::text AS name, price FROM publish_table.source', 'publish_table.by_hand');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*), count(DISTINCT name), min(price) FROM by_hand;
-- a swap of unique values is one that SQL would refuse, too; a name that moves is not
CALL publish('SELECT id, CASE id WHEN 1 THEN ''name 5'' WHEN 5 THEN ''name 1'' ELSE name END AS name, price FROM publish_table.source', 'publish_table.by_hand');
\echo :LAST_ERROR_SQLSTATE
CALL publish('SELECT CASE id WHEN 5 THEN 50 ELSE id END AS id, name, price FROM publish_table.source', 'publish_table.by_hand');
SELECT id, name FROM by_hand WHERE name = 'name 5';
CALL publish('SELECT * FROM publish_table.source', 'publish_table.by_hand');

--
-- Foreign keys in both directions, checked at once or in the end.
--
CREATE TABLE refers (id int REFERENCES by_hand);
INSERT INTO refers VALUES (5);
CALL publish('SELECT * FROM publish_table.source WHERE id <> 5', 'publish_table.by_hand');
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
CALL publish('SELECT * FROM publish_table.source WHERE id <> 6', 'publish_table.by_hand');
CREATE TABLE parts (part int PRIMARY KEY, id int REFERENCES by_hand DEFERRABLE INITIALLY DEFERRED);
CALL publish('SELECT 1 AS part, 5 AS id', 'publish_table.parts');
CALL publish('SELECT 1 AS part, 6 AS id', 'publish_table.parts');
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
SELECT * FROM parts;
-- together, the one may come before the other
SELECT checkpoint.begin_job('both', publish => 'end') AS job \gset
CALL checkpoint.save('publish_table.parts', 'SELECT 1 AS part, 6 AS id', as_table => true);
CALL checkpoint.save('publish_table.by_hand', 'SELECT * FROM publish_table.source', as_table => true);
CALL checkpoint.save('publish_table.shown', 'SELECT count(*) AS n FROM publish_table.source');
SELECT * FROM parts;
SELECT checkpoint.end_job();
SELECT * FROM parts;
SELECT count(*), (SELECT n FROM shown) FROM by_hand;
-- one that fails in the end leaves all as they were
SELECT checkpoint.begin_job('both', publish => 'end') AS job \gset
CALL checkpoint.save('publish_table.parts', 'SELECT 1 AS part, 60 AS id', as_table => true);
CALL checkpoint.save('publish_table.by_hand', 'SELECT * FROM publish_table.source WHERE id <> 1', as_table => true);
CALL checkpoint.save('publish_table.shown', 'SELECT 0 AS n');
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
SELECT (SELECT id FROM parts), (SELECT count(*) FROM by_hand), (SELECT n FROM shown);
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
SELECT checkpoint.fail_job('no such item');

--
-- Statements are the owner's, whoever runs the job: triggers, those that wait for the
-- end of the transaction, too, and row security.
--
GRANT USAGE, CREATE ON SCHEMA publish_table TO regress_owner;
GRANT SELECT ON source TO regress_owner;
GRANT INSERT ON log TO regress_owner;
TRUNCATE log;
SET ROLE regress_owner;
CREATE TABLE publish_table.owned (id int PRIMARY KEY, name text);
CREATE TRIGGER logs BEFORE INSERT OR UPDATE OR DELETE ON publish_table.owned FOR EACH ROW EXECUTE FUNCTION publish_table.logs();
CREATE CONSTRAINT TRIGGER logs_later AFTER INSERT OR UPDATE ON publish_table.owned DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION publish_table.logs();
SELECT checkpoint.begin_job('owned', attach => false) AS job \gset
RESET ROLE;
CALL checkpoint.save('publish_table.owned', 'SELECT id, name FROM publish_table.source', as_table => true, job => :job);
SELECT checkpoint.end_job(:job);
SELECT DISTINCT op, who FROM log;
-- rows that the owner's policies hide are none of the publication's business
SET ROLE regress_owner;
ALTER TABLE publish_table.owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY small ON publish_table.owned USING (id < 5);
SELECT checkpoint.begin_job('owned') AS job \gset
CALL checkpoint.save('publish_table.owned', 'SELECT id, name FROM publish_table.source WHERE id < 2', as_table => true);
CALL checkpoint.save('publish_table.owned', 'SELECT id, name FROM publish_table.source WHERE id = 7 OR id < 5 UNION SELECT 7, ''too big''', as_table => true, step => 'too big');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.fail_job('policy');
RESET ROLE;
SELECT id FROM owned ORDER BY id;

--
-- It takes no more than ROW EXCLUSIVE.
--
CREATE TABLE locks (relation regclass, mode text);
CREATE FUNCTION notes_locks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO publish_table.locks SELECT DISTINCT relation::regclass, mode FROM pg_locks
	WHERE pid = pg_backend_pid() AND relation IN ('publish_table.items'::regclass, 'publish_table.items_pkey'::regclass);
	RETURN NULL;
END $$;
CREATE TRIGGER notes_locks AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH STATEMENT EXECUTE FUNCTION notes_locks();
CALL publish('SELECT id + 1 AS id, name, price FROM publish_table.source');
SELECT DISTINCT * FROM locks ORDER BY 1, 2;

--
-- A target that changes its kind; what else is no table; who may.
--
SELECT checkpoint.begin_job('kinds') AS job \gset
\set VERBOSITY default
CALL checkpoint.save('publish_table.items', 'SELECT 1 AS x');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publish_table.shown', 'SELECT 1 AS n', as_table => true);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
CREATE TABLE partitioned (x int) PARTITION BY LIST (x);
CALL checkpoint.save('publish_table.partitioned', 'SELECT 1 AS x', as_table => true);
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.save('publish_table.owned', 'SELECT 1 AS id', as_table => true);
\echo :LAST_ERROR_SQLSTATE
CREATE TEMP TABLE temporary (x int);
CALL checkpoint.save('pg_temp.temporary', 'SELECT 1 AS x', as_table => true);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.unpublish('shown');
CALL checkpoint.save('publish_table.shown', 'SELECT 1 AS n', as_table => true);
SELECT checkpoint.end_job();
-- a table that a step has made is dropped, one that was made by hand stays
SELECT target, as_table FROM checkpoint.published ORDER BY target;
SELECT checkpoint.unpublish('shown'), checkpoint.unpublish('by_hand'), checkpoint.unpublish('items');
SELECT to_regclass('shown'), to_regclass('by_hand'), to_regclass('items');
SELECT target FROM checkpoint.published ORDER BY target;
-- so does one that was made by hand in the place of one that a step had made, or renamed to be there
CALL publish('SELECT 1 AS n', 'publish_table.remade');
CALL publish('SELECT 1 AS n', 'publish_table.renamed');
DROP TABLE remade;
CREATE TABLE remade (n int, precious text);
ALTER TABLE renamed RENAME TO renamed_away;
CREATE TABLE renamed (n int);
SELECT checkpoint.unpublish('remade');
CALL publish('SELECT 1 AS n', 'publish_table.renamed');
SELECT checkpoint.unpublish('renamed');
SELECT to_regclass('remade'), to_regclass('renamed'), to_regclass('renamed_away');
-- of a table that comes from another cluster, only its name is known
CALL publish('SELECT 1 AS n', 'publish_table.restored');
UPDATE checkpoint.target SET made_as = '1/1/1' WHERE target_name = 'restored';
SELECT checkpoint.unpublish('restored');
SELECT to_regclass('restored');
-- nothing is published by a table where a view stands now
CALL publish('SELECT 1 AS n', 'publish_table.viewed');
DROP TABLE viewed;
CREATE VIEW viewed AS SELECT 1 AS n;
SELECT target FROM checkpoint.published ORDER BY target;

--
-- Rules of the table's owner are obeyed as by other statements.
--
CALL publish('SELECT generate_series(1, 3) AS n', 'publish_table.ruled');
CREATE RULE stays AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE RULE noted AS ON INSERT TO ruled DO ALSO INSERT INTO publish_table.log VALUES ('rule', new.n);
CALL publish('SELECT generate_series(3, 4) AS n', 'publish_table.ruled');
SELECT n FROM ruled ORDER BY n;
SELECT op, id FROM log WHERE op = 'rule';

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA publish_table CASCADE;
DROP OWNED BY regress_owner, regress_other;
DROP ROLE regress_owner, regress_other;
