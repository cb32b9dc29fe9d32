--
-- What clients may get wrong: clear errors, and nothing is lost.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY default
\set SHOW_CONTEXT never

CREATE SCHEMA client_bad_input;
SET search_path = client_bad_input;
CREATE TABLE docs AS SELECT i AS id, 'body ' || i AS body FROM generate_series(1, 30) i;

-- open
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('bad') > 0 AS begun;
SELECT checkpoint.open(NULL, 'map', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.open('s', NULL, 'SELECT id FROM docs', 'y int');
SELECT checkpoint.open('s', 'query', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.open('s', 'agg', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.open('s', 'mop', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.open('s', 'map', NULL, 'y int');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM dogs', 'y int');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', NULL);
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y integr');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'id int');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int, y int');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'sys__y int');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int NOT NULL');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int DEFAULT 1');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int, CHECK (y > 0)');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int) INHERITS (docs');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int); DROP TABLE docs; --');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y anyelement');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', code_version => '');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', reads => 'idd');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', reads => 'sys__id');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', reads => 'id,,');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', partition_by => 'id');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', on_code_change => 'no');
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int', job => 4711);
BEGIN READ ONLY;
SELECT checkpoint.open('s', 'map', 'SELECT id FROM docs', 'y int');
ROLLBACK;
SELECT count(*) FROM checkpoint.steps;

SELECT * FROM checkpoint.open('s', 'map', 'SELECT id, body FROM docs ORDER BY id', 'y int') \gset
-- the same step, otherwise
SELECT checkpoint.open('s', 'map', 'SELECT id, body FROM docs ORDER BY id', 'z int');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.open('s', 'gen', 'SELECT id, body FROM docs ORDER BY id', 'y int');
CALL checkpoint.map('s', 'SELECT id, body FROM docs ORDER BY id', 'id AS y');
\echo :LAST_ERROR_SQLSTATE
CALL checkpoint.query('t', 'SELECT y FROM s');

-- mark_processed
SELECT checkpoint.mark_processed(NULL, '{1}');
SELECT checkpoint.mark_processed(4711, '{1}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.mark_processed(:checkpoint_id, '{0}');
SELECT checkpoint.mark_processed(:checkpoint_id, '{1,31}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.mark_processed(:checkpoint_id, '{-9223372036854775808}');
SELECT checkpoint.mark_processed(:checkpoint_id, '{1,NULL}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.mark_processed(:checkpoint_id, NULL), checkpoint.mark_processed(:checkpoint_id, '{}');
SELECT count(*) FROM checkpoint.processed_ids(:checkpoint_id);
INSERT INTO :output_table (sys__id, y) SELECT i, i FROM generate_series(1, 20) i;
SELECT checkpoint.mark_processed(:checkpoint_id, '{1,1,3,2,3}');
SELECT checkpoint.mark_processed(:checkpoint_id, '{{4,5},{6,7}}');
SELECT checkpoint.mark_processed(:checkpoint_id, '{9,8,7,10}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM checkpoint.processed_ids(:checkpoint_id);
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT generate_series(8, 20)));

-- record_error
SELECT checkpoint.record_error(:checkpoint_id, NULL, 'XX000', 'm');
SELECT checkpoint.record_error(:checkpoint_id, 21, NULL, 'm');
SELECT checkpoint.record_error(:checkpoint_id, 21, 'XX000', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.record_error(:checkpoint_id, 21, 'xx', 'm');
SELECT checkpoint.record_error(:checkpoint_id, 21, '00000', 'm');
SELECT checkpoint.record_error(:checkpoint_id, 31, 'XX000', 'm');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.record_error(:checkpoint_id, 20, 'XX000', 'm');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM checkpoint.errors;

-- claim, renew, release
SELECT checkpoint.claim(NULL::docs, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.claim(1, 1);
SELECT checkpoint.claim(NULL, 1);
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_output, 1);
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, -1);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, NULL);
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 1, '-1 s');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 1, NULL);
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 1, holder => '');
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 1, holder => repeat('x', 256));
SELECT checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 0);
SELECT checkpoint.renew(NULL);
SELECT checkpoint.renew(4711);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.renew(:checkpoint_id, '-1 s');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.renew(:checkpoint_id), checkpoint.renew(:checkpoint_id, '1 s', 'nobody');
SELECT checkpoint.release(NULL);
SELECT checkpoint.release(4711);
SELECT checkpoint.release(:checkpoint_id), checkpoint.release(:checkpoint_id, 'nobody');
SELECT count(*) FROM checkpoint.claims;
-- those claimed by another may be marked, more than there are may be claimed, and what
-- is processed or in quarantine is not
SELECT * FROM checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 2, holder => 'x');
SELECT checkpoint.record_error(:checkpoint_id, 23, 'XX000', 'm');
SELECT sys__id FROM checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 2147483647);
SELECT holder ~ '^process \d+$' AS own, rows FROM checkpoint.claims WHERE holder <> 'x';
SELECT checkpoint.renew(:checkpoint_id), checkpoint.release(:checkpoint_id), checkpoint.release(:checkpoint_id, 'x');
-- the rows come as they are, whatever order their owner gives them
CREATE INDEX reversed_id ON :input_table ((-id));
CLUSTER :input_table USING reversed_id;
SELECT * FROM checkpoint.claim(NULL::checkpoint_data.bad_s_1_input, 3);
SELECT checkpoint.release(:checkpoint_id);

-- finish: the output is not what was said to be processed
SELECT checkpoint.finish(4711);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT generate_series(21, 30)));
SELECT checkpoint.finish(:checkpoint_id);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO :output_table (sys__id) SELECT 5 FROM generate_series(1, 3);
INSERT INTO :output_table (sys__id) SELECT i FROM generate_series(31, 50) i;
INSERT INTO :output_table (sys__id) VALUES (NULL), (0), (-9223372036854775808);
INSERT INTO :output_table (sys__id) SELECT i FROM generate_series(21, 28) i;
SELECT checkpoint.finish(:checkpoint_id);
\echo :LAST_ERROR_SQLSTATE
SELECT action FROM checkpoint.steps;
-- its owner repairs it
DELETE FROM :output_table WHERE sys__id IS NULL OR sys__id NOT BETWEEN 1 AND 30 OR sys__id = 5 AND y IS NULL;
INSERT INTO :output_table (sys__id, y) VALUES (29, 29), (30, 30);
-- also where all tables are published
SET client_min_messages = error;
CREATE PUBLICATION everything FOR ALL TABLES;
RESET client_min_messages;
UPDATE :output_table SET y = sys__id;
DROP PUBLICATION everything;
SELECT checkpoint.finish(:checkpoint_id);
SELECT count(*), count(body), sum(y) FROM :output_table;
-- a finished one
SELECT checkpoint.finish(:checkpoint_id);
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.record_error(:checkpoint_id, 1, 'XX000', 'm');
SELECT checkpoint.renew(:checkpoint_id), checkpoint.release(:checkpoint_id);
SELECT checkpoint.end_job();

-- rows of a generator for rows that are not processed
SELECT checkpoint.begin_job('bad_gen') > 0 AS begun;
SELECT * FROM checkpoint.open('g', 'gen', 'SELECT id FROM docs', 'y int') \gset
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT generate_series(1, 29)));
SELECT checkpoint.record_error(:checkpoint_id, 30, 'XX000', 'm');
INSERT INTO :output_table (sys__input_id, y) VALUES (1, 1), (1, 1), (30, 1), (NULL, 1);
SELECT checkpoint.finish(:checkpoint_id);
DELETE FROM :output_table WHERE coalesce(sys__input_id, 30) = 30;
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM :output_table;
SELECT checkpoint.end_job();

-- no rows at all
SELECT checkpoint.begin_job('empty') > 0 AS begun;
SELECT * FROM checkpoint.open('e', 'map', 'SELECT id FROM docs WHERE false', 'y int') \gset
\echo :state :total :remaining
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.end_job();

-- another role's
SELECT checkpoint.begin_job('foreign') > 0 AS begun;
SELECT * FROM checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int') \gset
CREATE ROLE regress_other;
SET ROLE regress_other;
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.record_error(:checkpoint_id, 1, 'XX000', 'm');
SELECT checkpoint.renew(:checkpoint_id);
SELECT checkpoint.release(:checkpoint_id);
SELECT checkpoint.claim(NULL::checkpoint_data.foreign_f_4_input, 1);
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE regress_other;
-- a table that is gone: nothing is computed in vain, or noted as computed
DROP TABLE :output_table;
SELECT checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.claim(NULL::checkpoint_data.foreign_f_4_input, 1);
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT generate_series(1, 30)));
SELECT checkpoint.record_error(:checkpoint_id, 1, 'XX000', 'm');
SELECT checkpoint.idempotency_key(:checkpoint_id, 1);
SELECT checkpoint.finish(:checkpoint_id);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM checkpoint.processed_ids(:checkpoint_id);
SELECT checkpoint.fail_job('gone');
-- the next run computes anew; its input goes, then a finished output
SELECT checkpoint.begin_job('foreign') > 0 AS begun;
SELECT * FROM checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int') \gset
\echo :state :remaining
DROP TABLE :input_table;
SELECT checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
SELECT checkpoint.fail_job('gone');
SELECT checkpoint.begin_job('foreign') > 0 AS begun;
SELECT * FROM checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int') \gset
INSERT INTO :output_table (sys__id) SELECT generate_series(1, 30);
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT generate_series(1, 30)));
SELECT checkpoint.finish(:checkpoint_id);
SELECT state FROM checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int');
DROP TABLE :output_table;
SELECT checkpoint.open('f', 'map', 'SELECT id FROM docs', 'y int');
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA client_bad_input CASCADE;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
