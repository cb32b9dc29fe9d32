--
-- Rule 1: a query that reads nothing but outputs of final checkpoints and tables
-- that have not changed has the same rows again, and is not run.  Whatever is
-- not known to be unchanged is read.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA unchanged;
SET search_path = unchanged;

-- Says that it is immutable, and counts how often it is called: that is how we
-- see that a query is run.
CREATE SEQUENCE reads;
CREATE FUNCTION read(v anyelement) RETURNS anyelement IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('unchanged.reads');
	RETURN v;
END $$;
CREATE FUNCTION was_read() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	n bigint := nextval('unchanged.reads') - 1;
BEGIN
	PERFORM setval('unchanged.reads', 1, false);
	RETURN n > 0;
END $$;
CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)';

-- Runs a step over a query and says whether its rows were read.  The tables are
-- frozen first: then no transaction elsewhere on the server matters.
CREATE PROCEDURE run(query text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM checkpoint.begin_job('unchanged');
	CALL checkpoint.map('m', query, 'f(t) AS r');
	RAISE NOTICE '%', CASE WHEN was_read() THEN 'read' ELSE 'not read' END;
	PERFORM checkpoint.end_job();
END $$;
\set freeze 'VACUUM (FREEZE) docs;'
\set q '$$SELECT id, read(t) AS t FROM docs$$'

CREATE TABLE docs (id int PRIMARY KEY, t text);
INSERT INTO docs SELECT g, 'text ' || g FROM generate_series(1, 300) g;
:freeze
CALL run(:q);
CALL run(:q);
-- another session, another spelling
\c -
SET search_path = unchanged;
\set VERBOSITY terse
CALL run('select id,read( t )t from unchanged.docs');

-- Each kind of change is seen.
INSERT INTO docs VALUES (301, 'one more');
CALL run(:q);
:freeze
CALL run(:q);
CALL run(:q);
UPDATE docs SET t = 'changed' WHERE id = 7;
CALL run(:q);
:freeze
CALL run(:q);
CALL run(:q);
DELETE FROM docs WHERE id = 9;
CALL run(:q);
:freeze
CALL run(:q);
CALL run(:q);
COPY docs FROM stdin;
9	text 9
\.
CALL run(:q);
:freeze
CALL run(:q);
CALL run(:q);

-- What changes pages and no row costs a pass over the rows, and no call.
BEGIN;
INSERT INTO docs VALUES (1000, 'never');
ROLLBACK;
CALL run(:q);
:freeze
CALL run(:q);
CALL run(:q);
VACUUM FULL docs;
CALL run(:q);
CALL run(:q);
CLUSTER docs USING docs_pkey;
CALL run(:q);
CALL run(:q);
SELECT count(*) FROM (SELECT FROM docs WHERE id < 5 FOR UPDATE) x;
CALL run(:q);
:freeze
CALL run(:q);
CALL run(:q);

-- Columns: one that is added with a default has its values without a write to
-- any page.
\set n '$$SELECT read(n) AS n, t FROM docs$$'
ALTER TABLE docs ADD COLUMN n int DEFAULT 1;
CALL run(:n);
CALL run(:n);
ALTER TABLE docs DROP COLUMN n;
ALTER TABLE docs ADD COLUMN n int DEFAULT 2;
CALL run(:n);
CALL run(:n);
ALTER TABLE docs ALTER COLUMN n TYPE bigint;
CALL run(:n);
ALTER TABLE docs DROP COLUMN n;
TRUNCATE docs;
CALL run(:q);
INSERT INTO docs SELECT g, 'text ' || g FROM generate_series(1, 3) g;
CALL run(:q);
DROP TABLE docs;
CREATE TABLE docs (id int PRIMARY KEY, t text);
INSERT INTO docs SELECT g, 'text ' || g FROM generate_series(4, 6) g;
CALL run(:q);

-- What is computed from nothing but an expression is not in the pages: labels of
-- an enum are looked at, too.
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE moods (m mood);
INSERT INTO moods VALUES ('good'), ('bad');
VACUUM (FREEZE) moods;
\set mood '$$SELECT read(m) AS m, ''x''::text AS t FROM moods$$'
CALL run(:mood);
CALL run(:mood);
ALTER TYPE mood RENAME VALUE 'bad' TO 'gloomy';
CALL run(:mood);

-- Behind views, in sub-selects, joins and common table expressions.
CREATE TABLE authors (id int, name text);
INSERT INTO authors VALUES (4, 'Ann'), (5, 'Bob');
CREATE VIEW known AS SELECT d.id, t FROM docs d WHERE id IN (SELECT id FROM authors);
VACUUM (FREEZE) docs, authors;
\set view '$$WITH k AS (SELECT * FROM known) SELECT read(t) AS t FROM k$$'
CALL run(:view);
CALL run(:view);
INSERT INTO authors VALUES (6, 'Cyd');
CALL run(:view);
VACUUM (FREEZE) authors;
CALL run(:view);
CALL run(:view);
CREATE OR REPLACE VIEW known AS SELECT d.id, t FROM docs d WHERE id NOT IN (SELECT id FROM authors WHERE id < 6);
CALL run(:view);

-- Partitions and children count.
CREATE TABLE parts (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts SELECT g, 'p ' || g FROM generate_series(8, 12) g;
VACUUM (FREEZE) parts;
\set parts '$$SELECT read(t) AS t FROM parts$$'
CALL run(:parts);
CALL run(:parts);
INSERT INTO parts VALUES (13, 'p 13');
CALL run(:parts);
VACUUM (FREEZE) parts;
CALL run(:parts);
CALL run(:parts);
ALTER TABLE parts DETACH PARTITION parts2;
CALL run(:parts);
CALL run(:parts);
ALTER TABLE parts ATTACH PARTITION parts2 FOR VALUES FROM (10) TO (20);
CALL run(:parts);
CREATE TABLE parent (t text);
CREATE TABLE child () INHERITS (parent);
INSERT INTO child VALUES ('c');
VACUUM (FREEZE) parent, child;
CALL run('SELECT read(t) AS t FROM parent');
CALL run('SELECT read(t) AS t FROM parent');
CALL run('SELECT read(t) AS t FROM ONLY parent');
INSERT INTO child VALUES ('d');
CALL run('SELECT read(t) AS t FROM parent');

-- Always read: row security, samples, unlogged tables, the catalogs.
CREATE TABLE secret (t text);
INSERT INTO secret VALUES ('s');
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
VACUUM (FREEZE) secret;
CALL run('SELECT read(t) AS t FROM secret');
CALL run('SELECT read(t) AS t FROM secret');
CALL run('SELECT read(t) AS t FROM docs TABLESAMPLE SYSTEM (100)');
CALL run('SELECT read(t) AS t FROM docs TABLESAMPLE SYSTEM (100)');
CREATE UNLOGGED TABLE fast (t text);
INSERT INTO fast VALUES ('u');
VACUUM (FREEZE) fast;
CALL run('SELECT read(t) AS t FROM fast');
CALL run('SELECT read(t) AS t FROM fast');
CALL run('SELECT read(amname::text) AS t FROM pg_am WHERE amname = ''heap''');
CALL run('SELECT read(amname::text) AS t FROM pg_am WHERE amname = ''heap''');

-- The server calls the text forms of floats and bytea immutable; they are not.
CREATE TABLE floats (x float8, b bytea);
INSERT INTO floats VALUES (0.1::float8 + 0.2, '\x61');
VACUUM (FREEZE) floats;
CALL run('SELECT read(x::text || b::text) AS t FROM floats');
CALL run('SELECT read(x::text || b::text) AS t FROM floats');
SET extra_float_digits = 0;
CALL run('SELECT read(x::text || b::text) AS t FROM floats');
RESET extra_float_digits;
SET bytea_output = escape;
CALL run('SELECT read(x::text || b::text) AS t FROM floats');
RESET bytea_output;
CALL run('SELECT read(x::text || b::text) AS t FROM floats');

-- Nor are quote_ident() and bytea in XML.
CREATE TABLE words (t text);
INSERT INTO words VALUES ('the words');
VACUUM (FREEZE) words;
CALL run('SELECT read(quote_ident(t)) AS t FROM words');
CALL run('SELECT read(quote_ident(t)) AS t FROM words');
SET quote_all_identifiers = on;
CALL run('SELECT read(quote_ident(t)) AS t FROM words');
RESET quote_all_identifiers;
SET xmlbinary = hex;
CALL run('SELECT read(quote_ident(t)) AS t FROM words');
RESET xmlbinary;
CALL run('SELECT read(quote_ident(t)) AS t FROM words');

-- Functions of text search read its catalogs, and are called immutable.
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION lookup (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION lookup ALTER MAPPING REPLACE simple WITH plain;
CALL run('SELECT read(strip(to_tsvector(''unchanged.lookup'', t))::text) AS t FROM words');
CALL run('SELECT read(strip(to_tsvector(''unchanged.lookup'', t))::text) AS t FROM words');
ALTER TEXT SEARCH DICTIONARY plain (STOPWORDS = english);
CALL run('SELECT read(strip(to_tsvector(''unchanged.lookup'', t))::text) AS t FROM words');

-- A collation of the same name is another.
CREATE COLLATION sorted FROM "C";
CALL run('SELECT read(max(t COLLATE sorted) COLLATE "C") AS t FROM words');
CALL run('SELECT read(max(t COLLATE sorted) COLLATE "C") AS t FROM words');
DROP COLLATION sorted;
CREATE COLLATION sorted FROM "C";
CALL run('SELECT read(max(t COLLATE sorted) COLLATE "C") AS t FROM words');

-- A type that was made anew under its name.
CREATE TYPE size AS ENUM ('small', 'big');
CREATE TYPE span AS RANGE (subtype = text, collation = "C");
CREATE TABLE plain (id int, v text);
INSERT INTO plain VALUES (1, 'b');
VACUUM (FREEZE) plain;
\set size '$$SELECT read(CASE WHEN \'small\'::size < (CASE WHEN id > 0 THEN \'big\'::size END) THEN \'less\' ELSE \'more\' END) AS t FROM plain$$'
\set span '$$SELECT read((v <@ span(lower(\'B\'), \'z\'))::text) AS t FROM plain$$'
CALL run(:size);
CALL run(:size);
CALL run(:span);
CALL run(:span);
DROP TYPE size, span;
CREATE TYPE size AS ENUM ('big', 'small');
CREATE TYPE span AS RANGE (subtype = text, collation = "POSIX");
CALL run(:size);
CALL run(:span);
ALTER TYPE size RENAME VALUE 'big' TO 'huge';
ALTER TYPE size RENAME VALUE 'small' TO 'big';
ALTER TYPE size RENAME VALUE 'huge' TO 'small';
CALL run(:size);

SET client_min_messages = warning;
DROP SCHEMA unchanged CASCADE;
