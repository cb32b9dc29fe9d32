--
-- Code outside of the server works on the checkpoints that steps of the server
-- have: open, compute, mark in the transaction that stores the results, finish.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse

CREATE SCHEMA client_protocol;
SET search_path = client_protocol;
CREATE TABLE docs AS SELECT i AS id, 'body ' || i AS body FROM generate_series(1, 10000) i;
CREATE VIEW last_step AS SELECT step, action, reason, rows_total, rows_kept, rows_computed, rows_failed, rows_output
FROM checkpoint.steps ORDER BY job_id DESC, started_at DESC LIMIT 1;
-- what a client does with some rows
CREATE PROCEDURE compute(cp bigint, lo int, hi int) LANGUAGE plpgsql AS $$
DECLARE
	t record;
BEGIN
	SELECT input_table, output_table INTO t FROM checkpoint.checkpoints WHERE checkpoint_id = cp;
	EXECUTE format('INSERT INTO %s (sys__id, len) SELECT sys__id, length(body) FROM %s WHERE sys__id BETWEEN $1 AND $2',
		t.output_table, t.input_table) USING lo, hi;
	PERFORM checkpoint.mark_processed(cp, ARRAY(SELECT generate_series(lo, hi)));
END $$;

-- A step from its beginning to its end.
SELECT checkpoint.begin_job('docs') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '1') \gset
\echo :state :input_table :output_table :total :remaining
\d :output_table
-- once more: the same
SELECT checkpoint_id = :checkpoint_id AS same, state, total, remaining
FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '1');
CALL compute(:checkpoint_id, 1, 9000);
SELECT * FROM last_step;
SELECT state, rows_processed, rows_failed, rows_by_code::text ~ ': 9000}$' AS by_code FROM checkpoint.checkpoints;
SELECT count(*), min(i) FROM checkpoint.remaining_ids(:checkpoint_id) i;
-- with what was not finished, a job is not over
SELECT checkpoint.end_job();
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.finish(:checkpoint_id);
\echo :LAST_ERROR_SQLSTATE
-- a result and its mark are stored together, or neither is
BEGIN;
CALL compute(:checkpoint_id, 9001, 9500);
ROLLBACK;
SELECT count(*) FROM checkpoint.remaining_ids(:checkpoint_id);
SELECT count(*) FROM :output_table;
-- a row that is processed already: nothing of the transaction is stored
CALL compute(:checkpoint_id, 8999, 9002);
\echo :LAST_ERROR_SQLSTATE
CALL compute(:checkpoint_id, 9001, 10000);
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT state, rows_processed, rows_output, rows_by_code::text ~ ': 10000}$' AS by_code,
	content_hash = (SELECT checkpoint.content_hash(r) FROM (SELECT id, body, length(body) AS len FROM docs) r) AS hash
FROM checkpoint.checkpoints;
SELECT * FROM :output_table WHERE id IN (1, 10000) ORDER BY id;
-- read-only from now on
INSERT INTO :output_table VALUES (1);
SELECT state FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '1');
-- other steps read it, and the job can end
CALL checkpoint.query('sum', 'SELECT sum(len) FROM lengths');
SELECT * FROM checkpoint_data.docs_sum_2_output;
SELECT checkpoint.end_job();

-- The next run is served without a row computed.
SELECT checkpoint.begin_job('docs') > 0 AS begun;
SELECT state, input_table IS NULL AS dropped, total, remaining
FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '1');
SELECT * FROM last_step;
SELECT checkpoint.end_job();

-- Other rows: equal ones are carried over; a new code invalidates what is final.
INSERT INTO docs VALUES (0, 'new');
SELECT checkpoint.begin_job('docs') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '1') \gset
\echo :state :total :remaining
CALL compute(:checkpoint_id, 1, 1);
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('docs') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '2') \gset
\echo :state :total :remaining
CALL compute(:checkpoint_id, 1, 10000);
SELECT checkpoint.fail_job('no more');
SELECT * FROM last_step;
-- and a changed code continues what is partial
SELECT step, action, rows_total, rows_kept, rows_to_compute, reason FROM checkpoint.explain_job('docs');
SELECT checkpoint.begin_job('docs') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs ORDER BY id', 'len int', code_version => '3') \gset
\echo :state :total :remaining
CALL compute(:checkpoint_id, 10001, 10001);
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT checkpoint.end_job();

-- What the code does not read may change: "reads" says what it reads.
SELECT checkpoint.begin_job('reads') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id < 5', 'len int', reads => 'body') \gset
CALL compute(:checkpoint_id, 1, 5);
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.end_job();
SELECT checkpoint.begin_job('reads') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT -id AS id, body FROM docs WHERE id < 5', 'len int', reads => 'body') \gset
\echo :state :total :remaining
SELECT checkpoint.finish(:checkpoint_id);
SELECT id, body, len FROM :output_table ORDER BY id;
SELECT checkpoint.end_job();

-- Rows in quarantine: the step may be read, and the next run tries just these.
SELECT checkpoint.begin_job('errors') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id BETWEEN 1 AND 10 ORDER BY id', 'len int') \gset
CALL compute(:checkpoint_id, 1, 6);
SELECT checkpoint.record_error(:checkpoint_id, i, 'XX001', 'bad document', 'page ' || i) FROM generate_series(7, 9) i;
SELECT sys__id, sqlstate, message, detail, attempts FROM checkpoint.errors;
-- one that is computed after all leaves it
CALL compute(:checkpoint_id, 9, 10);
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT state, rows_processed, rows_failed FROM checkpoint.checkpoints WHERE checkpoint_id = :checkpoint_id;
CALL checkpoint.query('read', 'SELECT count(*) FROM lengths');
SELECT checkpoint.end_job();
SELECT status FROM checkpoint.jobs WHERE name = 'errors';
SELECT checkpoint.begin_job('errors') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id BETWEEN 1 AND 10 ORDER BY id', 'len int') \gset
\echo :state :total :remaining
SELECT checkpoint.record_error(:checkpoint_id, 7, 'XX002', 'bad again');
CALL compute(:checkpoint_id, 8, 8);
CALL compute(:checkpoint_id, 7, 7);
SELECT count(*) FROM checkpoint.errors;
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT checkpoint.end_job();

-- gen: any number of rows for each, numbered by the database.
SELECT checkpoint.begin_job('gen') > 0 AS begun;
SELECT * FROM checkpoint.open('words', 'gen', 'SELECT id, body FROM docs WHERE id BETWEEN 1 AND 4 ORDER BY id', 'word text, "No" numeric(5,2)') \gset
\echo :state :total :remaining
BEGIN;
INSERT INTO :output_table (sys__input_id, word, "No") SELECT sys__id, w, n
FROM :input_table, regexp_split_to_table(body, ' ') WITH ORDINALITY u (w, n) WHERE id > 1 ORDER BY sys__id, n;
SELECT checkpoint.mark_processed(:checkpoint_id, '{4,3,2,1}');
COMMIT;
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM :output_table ORDER BY sys__id;
SELECT * FROM last_step;
SELECT checkpoint.end_job();

-- By the server after clients, and by clients after the server.
CREATE SEQUENCE calls;
CREATE FUNCTION len(body text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('client_protocol.calls');
	RETURN length(body);
END $$;
SELECT checkpoint.begin_job('both') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id BETWEEN 1 AND 100 ORDER BY id', 'len int') \gset
CALL compute(:checkpoint_id, 1, 60);
SELECT checkpoint.fail_job('to the server');
SELECT checkpoint.begin_job('both') > 0 AS begun;
CALL checkpoint.map('lengths', 'SELECT id, body FROM docs WHERE id BETWEEN 1 AND 100 ORDER BY id', 'len(body) AS len', max_rows => 30);
SELECT last_value AS calls FROM calls;
SELECT * FROM last_step;
-- clients may not write to what the server works on
CALL compute(:checkpoint_id, 91, 91);
SELECT checkpoint.mark_processed(:checkpoint_id, '{91}');
\echo :LAST_ERROR_SQLSTATE
SELECT checkpoint.begin_job('both') > 0 AS begun;
SELECT checkpoint_id = :checkpoint_id AS same, state, remaining
FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id BETWEEN 1 AND 100 ORDER BY id', 'len int');
CALL compute(:checkpoint_id, 91, 100);
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT rows_processed, rows_output, content_hash = (SELECT checkpoint.content_hash(r) FROM
	(SELECT id, body, length(body) AS len FROM docs WHERE id BETWEEN 1 AND 100) r) AS hash
FROM checkpoint.checkpoints WHERE checkpoint_id = :checkpoint_id;
SELECT checkpoint.end_job();

-- In one transaction; a rollback undoes all of it.
BEGIN;
SELECT checkpoint.begin_job('one') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id < 4', 'len int') \gset
CALL compute(:checkpoint_id, 1, 4);
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.end_job();
ROLLBACK;
SELECT count(*) FROM checkpoint.jobs WHERE name = 'one';
BEGIN;
SELECT checkpoint.begin_job('one') > 0 AS begun;
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id < 4', 'len int') \gset
CALL compute(:checkpoint_id, 1, 4);
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.end_job();
COMMIT;
SELECT status FROM checkpoint.jobs WHERE name = 'one';
SELECT * FROM last_step;

-- A job without a session: any session goes on with the checkpoint's number.
SELECT checkpoint.begin_job('detached', attach => false) AS job \gset
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id < 4', 'len int', cache_enabled => false, job => :job) \gset
\c -
SET search_path = client_protocol;
\set VERBOSITY terse
SELECT action FROM checkpoint.steps WHERE job_id = :job;
SELECT status FROM checkpoint.jobs WHERE job_id = :job;
CALL compute(:checkpoint_id, 1, 4);
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.end_job(:job);
SELECT status FROM checkpoint.jobs WHERE job_id = :job;

-- One whose session has ended is interrupted; the next run continues.
SELECT checkpoint.begin_job('lost') AS job \gset
SELECT * FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id < 6 ORDER BY id', 'len int', cache_enabled => false) \gset
CALL compute(:checkpoint_id, 1, 3);
SELECT pg_backend_pid() AS pid \gset
\c -
SET search_path = client_protocol;
\set VERBOSITY terse
DO $$ BEGIN
	WHILE EXISTS (SELECT FROM checkpoint.jobs WHERE name = 'lost' AND status = 'running') LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT status, action FROM checkpoint.jobs JOIN checkpoint.steps USING (job_id) WHERE job_id = :job;
SELECT checkpoint.finish(:checkpoint_id);
SELECT checkpoint.begin_job('lost') > 0 AS begun;
SELECT checkpoint_id = :checkpoint_id AS same, state, remaining FROM checkpoint.open('lengths', 'map', 'SELECT id, body FROM docs WHERE id < 6 ORDER BY id', 'len int');
CALL compute(:checkpoint_id, 4, 6);
SELECT checkpoint.finish(:checkpoint_id);
SELECT * FROM last_step;
SELECT checkpoint.end_job();

-- Where nothing is said of the code, a step of another name is other code.
CREATE FUNCTION finish_at_once(job text, step text, version text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	o record;
BEGIN
	PERFORM checkpoint.begin_job(job);
	SELECT * INTO o FROM checkpoint.open(step, 'map', 'SELECT id, body FROM docs WHERE id < 4', 'len int', code_version => version);
	IF o.state <> 'final' THEN
		CALL compute(o.checkpoint_id, 1, o.total::int);
		PERFORM checkpoint.finish(o.checkpoint_id);
	END IF;
	PERFORM checkpoint.end_job();
	RETURN o.state;
END $$;
SELECT finish_at_once('known', 'a', NULL);
SELECT finish_at_once('known', 'a', NULL);
SELECT finish_at_once('known', 'b', NULL);
SELECT finish_at_once('other', 'a', NULL);
SELECT finish_at_once('other', 'a', NULL);
SELECT finish_at_once('known', 'a', '1');
SELECT finish_at_once('other', 'b', '1');
SELECT finish_at_once('other', 'b', '2');

SET client_min_messages = warning;
DROP SCHEMA client_protocol CASCADE;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
