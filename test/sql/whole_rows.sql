-- Rows that a query returns as they stand in a table are copied whole, others
-- column by column: the result is the same.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA whole;
SET search_path = whole;

CREATE TABLE plain (a "char", b int, c text, d bigint, e numeric, f bool);
INSERT INTO plain SELECT 'x', i, repeat('v', i), i, i / 3.0, i % 2 = 0 FROM generate_series(1, 300) i;
CREATE TABLE with_nulls AS SELECT a, NULLIF(b % 3, 0) AS b, c, NULLIF(d % 5, 0) AS d FROM plain;
CREATE TABLE older AS SELECT b, c FROM plain;
ALTER TABLE older ADD COLUMN later text DEFAULT 'later', ADD COLUMN nothing int;
INSERT INTO older VALUES (301, 'c', 'd', 1), (302, 'c', 'd', NULL);
CREATE TABLE dropped AS SELECT a, b, c, d FROM plain;
ALTER TABLE dropped DROP COLUMN b;
CREATE TABLE long (id int, compressed text, outside text);
ALTER TABLE long ALTER COLUMN outside SET STORAGE EXTERNAL;
INSERT INTO long SELECT i, repeat('c', 3000 * i), repeat('o', 1000 * i) FROM generate_series(1, 5) i;
CREATE TABLE narrow AS SELECT a FROM plain;
CREATE TABLE parent (a int, b text) PARTITION BY LIST (a);
CREATE TABLE child1 PARTITION OF parent FOR VALUES IN (1);
CREATE TABLE child2 (b text, gone int, a int);
ALTER TABLE child2 DROP COLUMN gone;
ALTER TABLE parent ATTACH PARTITION child2 FOR VALUES IN (2);
INSERT INTO parent SELECT 1 + i % 2, 'b' || i FROM generate_series(1, 100) i;
CREATE TABLE heir (more int) INHERITS (plain);
INSERT INTO heir VALUES ('h', 1, 'h', 1, 1, true, 1);
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
-- columns that are named as the extension's own, of the same type or not
CREATE TABLE own (sys__id bigint, a text);
INSERT INTO own VALUES (7, 'a'), (NULL, 'b');
CREATE TABLE own_text (sys__id text, a text);
INSERT INTO own_text VALUES ('seven', 'a');
CREATE TABLE own_behind (a text, sys__id bigint);
INSERT INTO own_behind VALUES ('a', 7);

CREATE TABLE queries (n int, query text);
INSERT INTO queries SELECT row_number() OVER (), q FROM unnest(ARRAY[
    'SELECT * FROM plain', 'SELECT * FROM ONLY plain WHERE b > 100', 'SELECT * FROM with_nulls', 'SELECT * FROM older',
    'SELECT * FROM dropped', 'SELECT * FROM long', 'SELECT * FROM narrow', 'SELECT * FROM parent', 'SELECT * FROM child2',
    'SELECT * FROM heir', 'SELECT b, c FROM plain', 'SELECT c, b, a FROM plain', 'SELECT b AS a, c AS b FROM plain',
    'SELECT * FROM plain ORDER BY b DESC', 'SELECT * FROM plain LIMIT 10', 'SELECT * FROM (SELECT * FROM plain) s',
    'SELECT DISTINCT a, f FROM plain', 'SELECT p.* FROM plain p JOIN narrow USING (a) WHERE p.b < 3',
    'SELECT * FROM plain TABLESAMPLE SYSTEM (100) REPEATABLE (1)', 'SELECT * FROM none CROSS JOIN narrow',
    'SELECT a FROM own', 'SELECT * FROM own', 'SELECT * FROM own_text', 'SELECT * FROM own_behind',
    'TABLE plain UNION ALL TABLE ONLY plain', 'SELECT d, e, f FROM plain', 'SELECT *, 1 AS g FROM plain']) q;
-- over outputs, which have the extension's columns
INSERT INTO queries SELECT 100 + row_number() OVER (), q FROM unnest(ARRAY[
    'SELECT * FROM mapped', 'SELECT * FROM mapped WHERE b > 100', 'SELECT c, b FROM mapped', 'SELECT b, c FROM mapped',
    'SELECT a AS x, b AS y, c AS z, d, e, f, twice FROM mapped', 'SELECT sys__id AS id, * FROM mapped', 'SELECT twice FROM mapped',
    'SELECT sys__id, a FROM mapped', 'SELECT * FROM generated', 'SELECT sys__input_id AS i, * FROM generated',
    'SELECT made FROM generated WHERE made > 5', 'SELECT sys__id, made FROM generated', 'SELECT * FROM nulls_mapped',
    'SELECT * FROM long_mapped', 'SELECT * FROM mapped ORDER BY b DESC', 'SELECT * FROM mapped LIMIT 5',
    'SELECT m.* FROM mapped m, generated LIMIT 5', 'TABLE mapped UNION ALL TABLE mapped']) q;

SELECT checkpoint.begin_job('whole') AS job \gset
CALL checkpoint.map('mapped', 'SELECT * FROM ONLY plain', 'b * 2 AS twice');
CALL checkpoint.gen('generated', 'SELECT b FROM ONLY plain WHERE b < 5', 'generate_series(1, b) AS made');
CALL checkpoint.map('nulls_mapped', 'SELECT * FROM with_nulls', 'b * 2 AS twice');
CALL checkpoint.map('long_mapped', 'SELECT * FROM long', 'upper(outside) AS loud');
-- each query once as it is, and once in an order that has its rows sorted on the way
\set ECHO none
SELECT format('CALL checkpoint.query(%L, %L)', 'q' || n, query),
    format('CALL checkpoint.query(%L, %L)', 'r' || n, format('SELECT * FROM (%s) s ORDER BY random()', query)) FROM queries ORDER BY n \gexec
\set ECHO all
-- the second finds that its rows are those of the first
SELECT count(*), count(*) FILTER (WHERE action = 'reused') AS reused FROM checkpoint.steps WHERE job_id = :job AND step ~ '^r\d';
SELECT n, queries.query, action, reason FROM queries JOIN checkpoint.steps ON step = 'r' || n WHERE job_id = :job AND action <> 'reused';
-- what is on record of a table, too, and rows are numbered
CREATE TABLE wrong (step text);
\set ECHO none
SELECT format('INSERT INTO wrong SELECT %L FROM %s o HAVING count(*) > 0 AND (checkpoint.content_hash(o) <> %L OR min(sys__id) <> 1 OR max(sys__id) <> count(*) OR count(DISTINCT sys__id) <> count(*))',
    s.step, s.output_table, c.content_hash) FROM checkpoint.steps s JOIN checkpoint.checkpoints c USING (checkpoint_id) WHERE s.job_id = :job AND s.kind = 'query' \gexec
\set ECHO all
SELECT * FROM wrong;
-- rows keep the table's order
SELECT checkpoint.output('q1') AS q1, checkpoint.output('q101') AS q101 \gset
SELECT count(*) FILTER (WHERE sys__id = b) AS in_order, count(*) FROM :q1;
SELECT count(*) FILTER (WHERE sys__id = b AND twice = 2 * b) AS in_order, count(*) FROM :q101;
SELECT checkpoint.end_job();
-- What is on record describes the rows.
DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();
DROP SCHEMA whole CASCADE;
