--
-- Claims and marks belong to the client's transaction, with all that a client may do
-- in one: savepoints, several calls, prepared statements, DISCARD ALL, isolation
-- levels, READ ONLY.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse
CREATE SCHEMA client_transactions;
SET search_path = client_transactions;
CREATE TABLE docs AS SELECT i AS id FROM generate_series(1, 100) i;
CREATE VIEW held AS SELECT regexp_replace(holder, '\d+', 'N') AS holder, rows FROM checkpoint.claims ORDER BY claimed_at;
SELECT checkpoint.begin_job('t', attach => false) AS job \gset
SELECT * FROM checkpoint.open('s', 'map', 'SELECT id FROM docs ORDER BY id', 'y int', code_version => '1', job => :job) \gset

-- what is claimed after a savepoint goes with it, also the first claim of a session
BEGIN;
SAVEPOINT s;
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2);
ROLLBACK TO s;
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2);
COMMIT;
TABLE held;
BEGIN;
SAVEPOINT s;
SELECT checkpoint.release(:checkpoint_id);
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 4, holder => 'x');
ROLLBACK TO s;
COMMIT;
TABLE held;
-- two claims in one statement get other rows
SELECT array_agg(DISTINCT a.sys__id) AS a, array_agg(DISTINCT b.sys__id) AS b
FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 3) a, checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2) b;
SELECT checkpoint.release(:checkpoint_id);

-- marks after a savepoint
BEGIN;
SAVEPOINT s;
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
ROLLBACK TO s;
SELECT checkpoint.mark_processed(:checkpoint_id, '{2}');
RELEASE s;
SAVEPOINT s;
SELECT checkpoint.mark_processed(:checkpoint_id, '{2}');
ROLLBACK TO s;
SELECT checkpoint.record_error(:checkpoint_id, 2, 'XX000', 'processed');
ROLLBACK TO s;
SELECT checkpoint.mark_processed(:checkpoint_id, '{3}');
INSERT INTO :output_table (sys__id, y) VALUES (2, 0), (3, 0);
COMMIT;
SELECT * FROM checkpoint.processed_ids(:checkpoint_id);
-- twice in one statement: none
SELECT checkpoint.mark_processed(:checkpoint_id, '{4}'), checkpoint.mark_processed(:checkpoint_id, '{4}');
SELECT checkpoint.is_processed(:checkpoint_id, 4);

-- DISCARD ALL gives the session away: its claims end
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2);
DISCARD ALL;
SET search_path = client_transactions;
TABLE held;
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2);
TABLE held;
SELECT checkpoint.release(:checkpoint_id);

-- with a snapshot of its own, a transaction sees what is claimed and processed by now
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2, holder => 'x');
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2, holder => 'x');
SELECT checkpoint.renew(:checkpoint_id, holder => 'x'), checkpoint.release(:checkpoint_id, 'x');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2);
INSERT INTO :output_table (sys__id, y) VALUES (1, 0);
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
ROLLBACK;
TABLE held;

-- nothing is written in a transaction that is READ ONLY
BEGIN READ ONLY;
SELECT length(checkpoint.idempotency_key(:checkpoint_id, 1));
SELECT checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 1);
ROLLBACK;
BEGIN READ ONLY;
SELECT checkpoint.mark_processed(:checkpoint_id, '{1}');
ROLLBACK;
BEGIN READ ONLY;
SELECT checkpoint.record_error(:checkpoint_id, 1, 'XX000', 'm');
ROLLBACK;
BEGIN READ ONLY;
SELECT checkpoint.release(:checkpoint_id);
ROLLBACK;
BEGIN READ ONLY;
SELECT checkpoint.renew(:checkpoint_id);
ROLLBACK;
BEGIN READ ONLY;
SELECT checkpoint.finish(:checkpoint_id);
ROLLBACK;

-- prepared statements serve from run to run
PREPARE claim AS SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.t_s_1_input, 2);
PREPARE mark(bigint[]) AS SELECT checkpoint.mark_processed(1, $1);
EXECUTE claim;
EXECUTE mark('{1}');
SELECT checkpoint.fail_job('no more', :job);
TABLE held;
SELECT checkpoint.begin_job('t', attach => false) AS job \gset
SELECT checkpoint_id, state, remaining
FROM checkpoint.open('s', 'map', 'SELECT id FROM docs ORDER BY id', 'y int', code_version => '1', job => :job);
EXECUTE claim;
EXECUTE mark('{4}');
EXECUTE mark('{4}');

-- columns of the input are what the input says, whatever a client writes; the first
-- wrong ids are named
\set VERBOSITY default
INSERT INTO :output_table (sys__id, id, y) VALUES (1, 4711, 0), (4, -1, 0), (4, 4, 0), (NULL, 5, 0), (-7, 7, 0), (101, 101, 0);
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT generate_series(5, 100)));
SELECT checkpoint.finish(:checkpoint_id);
DELETE FROM :output_table WHERE sys__id IS NULL OR sys__id IN (-7, 101) OR (sys__id, id) = (4, 4);
INSERT INTO :output_table (sys__id, y) SELECT generate_series(5, 100), 0;
SELECT checkpoint.finish(:checkpoint_id);
SELECT count(*), count(DISTINCT id), min(id), max(id) FROM :output_table;
EXECUTE mark('{4}');
SELECT checkpoint.end_job(:job);

SET client_min_messages = warning;
DROP SCHEMA client_transactions CASCADE;
