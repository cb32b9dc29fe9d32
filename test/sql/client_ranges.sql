--
-- Claims and marks over several ranges of ids and codes: the rows come in order,
-- wherever a session begins to look, and what each code has done counts.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
\set VERBOSITY terse
CREATE SCHEMA client_ranges;
SET search_path = client_ranges;
CREATE TABLE docs AS SELECT i AS id FROM generate_series(1, 20000) i;

SELECT checkpoint.begin_job('r') > 0 AS begun;
SELECT * FROM checkpoint.open('s', 'map', 'SELECT id FROM docs ORDER BY id', 'y int', code_version => '1') \gset
SELECT count(*), min(sys__id), max(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 18000);
SELECT checkpoint.release(:checkpoint_id);
-- the session begins where it has found rows last, and goes on at the beginning
SELECT count(*), min(n), max(n), array_agg(sys__id ORDER BY n) = array_agg(sys__id ORDER BY sys__id) AS in_order
FROM (SELECT sys__id, row_number() OVER () AS n FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 19999)) c;
SELECT count(*) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 19999);
SELECT checkpoint.release(:checkpoint_id);
-- a claim around the rows of another holds no row of its
SELECT count(*) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 3, holder => 'a');
SELECT count(*) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 3, holder => 'b');
SELECT checkpoint.release(:checkpoint_id, 'a');
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 6, holder => 'c');
SELECT holder, rows FROM checkpoint.claims ORDER BY holder;
SELECT checkpoint.release(:checkpoint_id, 'b');
SELECT array_agg(sys__id) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 4);
SELECT checkpoint.renew(:checkpoint_id), checkpoint.release(:checkpoint_id), checkpoint.release(:checkpoint_id, 'c');
-- leases that are over go with the next claim that comes upon them
SELECT count(*) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 3, '0', 'short');
SELECT count(*) FROM checkpoint.lease;
SELECT count(*) FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 2, holder => 'a');
SELECT holder, last_id - first_id + 1 AS rows FROM checkpoint.lease;
SELECT checkpoint.release(:checkpoint_id, 'a');
-- marks of all ranges at once, with holes that are claimed then
INSERT INTO :output_table (sys__id, y) SELECT i, 1 FROM generate_series(1, 20000) i WHERE i % 5000 <> 7;
SELECT checkpoint.mark_processed(:checkpoint_id, ARRAY(SELECT sys__id FROM :output_table ORDER BY -sys__id));
SELECT sys__id FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 10);
SELECT holder ~ '^process', rows FROM checkpoint.claims;
SELECT checkpoint.mark_processed(:checkpoint_id, '{7, 5007}');
SELECT rows FROM checkpoint.claims;
INSERT INTO :output_table (sys__id, y) VALUES (7, 1), (5007, 1);
SELECT checkpoint.record_error(:checkpoint_id, 10007, 'XX000', 'bad');
SELECT rows FROM checkpoint.claims;

-- Another code ends the claims; it computes nothing, and all that there is counts.
SELECT checkpoint.fail_job('other code');
SELECT count(*) FROM checkpoint.lease;
SELECT checkpoint.begin_job('r') > 0 AS begun;
SELECT state, remaining FROM checkpoint.open('s', 'map', 'SELECT id FROM docs ORDER BY id', 'y int', code_version => '1');
SELECT sys__id FROM checkpoint.claim(NULL::checkpoint_data.r_s_1_input, 10, holder => 'stays');
-- the job goes, the holder does not know
\c -
SET search_path = client_ranges;
\set VERBOSITY terse
DO $$ BEGIN
	WHILE EXISTS (SELECT FROM checkpoint.jobs WHERE status = 'running') LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT checkpoint.begin_job('r') > 0 AS begun;
SELECT state, remaining FROM checkpoint.open('s', 'map', 'SELECT id FROM docs ORDER BY id', 'y int', code_version => '2');
SELECT holder, rows FROM checkpoint.claims;
SELECT checkpoint.record_error(:checkpoint_id, i, 'XX000', 'bad') FROM unnest('{10007, 15007}'::int[]) i;
SELECT checkpoint.finish(:checkpoint_id);
SELECT state, rows_processed, rows_failed, rows_output FROM checkpoint.checkpoints;
SELECT checkpoint.end_job();
SELECT count(*) FROM checkpoint.lease;

-- so does what another code finishes without a call for a row
SELECT checkpoint.begin_job('z') > 0 AS begun;
SELECT * FROM checkpoint.open('s', 'map', 'SELECT id FROM docs WHERE id < 4', 'y int', code_version => '1') \gset
INSERT INTO :output_table (sys__id, y) VALUES (1, 1), (2, 1), (3, 1);
SELECT checkpoint.mark_processed(:checkpoint_id, '{1, 2, 3}');
SELECT checkpoint.fail_job('not finished');
SELECT checkpoint.begin_job('z') > 0 AS begun;
SELECT state, remaining FROM checkpoint.open('s', 'map', 'SELECT id FROM docs WHERE id < 4', 'y int', code_version => '2');
SELECT checkpoint.finish(:checkpoint_id);
SELECT state, rows_processed, rows_output,
	content_hash = (SELECT checkpoint.content_hash(r) FROM (SELECT id, 1 AS y FROM docs WHERE id < 4) r) AS hash
FROM checkpoint.checkpoints WHERE job = 'z';
SELECT checkpoint.end_job();

SET client_min_messages = warning;
DROP SCHEMA client_ranges CASCADE;
