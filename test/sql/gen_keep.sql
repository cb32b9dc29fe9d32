--
-- keep: columns of the input in the output of gen.  When only they change, results
-- are kept, and they come from the new input.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA gen_keep;
SET search_path = gen_keep;
CREATE TABLE docs (id int, title text, body text, big text);
INSERT INTO docs VALUES (1, 'one', 'a b c', repeat('x', 10)), (2, NULL, 'd', NULL), (3, 'three', '', 'y'),
	(4, 'four', 'e f', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i));
CREATE SEQUENCE calls;
CREATE FUNCTION words(body text) RETURNS TABLE (word text, len int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('gen_keep.calls');
	FOREACH word IN ARRAY string_to_array(body, ' ') LOOP
		len := length(word); RETURN NEXT;
	END LOOP;
END $$;

-- They stand before the UDF's, in the order of the list.
SELECT 1 FROM checkpoint.begin_job('words');
CALL checkpoint.gen('w', 'SELECT id, title, body, big FROM docs ORDER BY id', 'words(body)', keep => 'title, id, big');
SELECT checkpoint.output('w') AS w \gset
SELECT sys__id, sys__input_id, title, id, left(big, 3) AS big, word, len FROM :w ORDER BY sys__id;
SELECT bool_and(w.big IS NOT DISTINCT FROM d.big) AS same FROM :w w JOIN docs d USING (id);
SELECT attname FROM pg_attribute WHERE attrelid = :'w'::regclass AND attnum > 0 ORDER BY attnum;
SELECT 1 FROM checkpoint.end_job();
SELECT last_value AS calls FROM calls;

-- Only they change: nothing is computed, and the new values are there.
UPDATE docs SET title = 'uno', big = 'new' WHERE id = 1;
UPDATE docs SET title = 'due' WHERE id = 2;
SELECT action, rows_kept, rows_to_compute FROM checkpoint.explain_job('words');
SELECT 1 FROM checkpoint.begin_job('words');
CALL checkpoint.gen('w', 'SELECT id, title, body, big FROM docs ORDER BY id', 'words(body)', keep => 'title, id, big');
SELECT checkpoint.output('w') AS w \gset
SELECT sys__input_id, title, id, left(big, 3) AS big, word, len FROM :w ORDER BY sys__input_id, word;
SELECT 1 FROM checkpoint.end_job();
SELECT last_value AS calls FROM calls;
-- another list, another order, none
SELECT 1 FROM checkpoint.begin_job('words');
CALL checkpoint.gen('w', 'SELECT id, title, body, big FROM docs ORDER BY id', 'words(body)', keep => 'id');
SELECT checkpoint.output('w') AS w \gset
SELECT * FROM :w ORDER BY sys__input_id, word;
SELECT 1 FROM checkpoint.end_job();
SELECT 1 FROM checkpoint.begin_job('words');
CALL checkpoint.gen('w', 'SELECT id, title, body, big FROM docs ORDER BY id', 'words(body)', keep => '');
SELECT 1 FROM checkpoint.end_job();
SELECT last_value AS calls FROM calls;

-- A column that the UDF reads may be kept; when it changes, its row is computed anew.
SELECT 1 FROM checkpoint.begin_job('read');
CALL checkpoint.gen('w', 'SELECT id, title, body FROM docs ORDER BY id', 'words(body)', keep => 'body, title', workers => 2);
SELECT 1 FROM checkpoint.end_job();
UPDATE docs SET body = 'e f g' WHERE id = 4;
SELECT 1 FROM checkpoint.begin_job('read');
CALL checkpoint.gen('w', 'SELECT id, title, body FROM docs ORDER BY id', 'words(body)', keep => 'body, title', workers => 2);
SELECT checkpoint.output('w') AS w \gset
SELECT sys__input_id, body, title, word FROM :w ORDER BY sys__input_id, word;
SELECT 1 FROM checkpoint.end_job();

-- An unfinished step goes on, also with another input and another list.
CREATE FUNCTION fails(id int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('gen_keep.calls');
	IF id = 3 THEN RAISE 'three'; END IF;
	RETURN QUERY SELECT generate_series(1, id);
END $$;
SELECT 1 FROM checkpoint.begin_job('fails');
CALL checkpoint.gen('g', 'SELECT id, title FROM docs ORDER BY id', 'fails(id) AS n', keep => 'title');
CREATE OR REPLACE FUNCTION fails(id int) RETURNS SETOF int LANGUAGE sql AS $$ SELECT generate_series(1, id) $$;
UPDATE docs SET title = upper(title);
SELECT 1 FROM checkpoint.begin_job('fails');
CALL checkpoint.gen('g', 'SELECT id, title FROM docs ORDER BY id', 'fails(id) AS n', keep => 'title', max_rows => 1);
SELECT 1 FROM checkpoint.begin_job('fails');
CALL checkpoint.gen('g', 'SELECT id, title FROM docs ORDER BY id', 'fails(id) AS n', keep => 'title, id');
SELECT checkpoint.output('g') AS g \gset
SELECT sys__input_id, title, id, count(*) FROM :g GROUP BY 1, 2, 3 ORDER BY 1;
SELECT 1 FROM checkpoint.end_job();

-- What is refused.
SELECT 1 FROM checkpoint.begin_job('refused');
CALL checkpoint.gen('g', 'SELECT id, title, body FROM docs', 'words(body)', keep => 'nothing');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.gen('g', 'SELECT id, title, body FROM docs', 'words(body)', keep => 'title, title');
CALL checkpoint.gen('g', 'SELECT id, title, body FROM docs', 'words(body)', keep => 'upper(title)');
CALL checkpoint.gen('g', 'SELECT id, title, body FROM docs', 'words(body)', keep => 'sys__id');
CALL checkpoint.gen('g', 'SELECT id, title AS word, body FROM docs', 'words(body)', keep => 'word');
\echo :LAST_ERROR_SQLSTATE
SELECT 1 FROM checkpoint.end_job();

DO $$ BEGIN EXECUTE pg_read_file(current_setting('test.dir') || '/records.sql'); END $$;
SELECT public.wrong_records();

SET client_min_messages = warning;
DROP SCHEMA gen_keep CASCADE;
