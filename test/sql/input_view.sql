--
-- A map over all of an earlier step's output does not copy it: its input is a view of it,
-- with the same rows, identity and use as a copy, whatever becomes of that step.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE SCHEMA input_view;
SET search_path = input_view;

CREATE TABLE source AS SELECT i AS id, 'v' || i AS txt FROM generate_series(1, 1000) i;
-- fails on the rows that a setting lists, and counts its calls
CREATE SEQUENCE ncalls;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('input_view.ncalls');
	IF x = ANY (current_setting('test.bad', true)::int[]) THEN
		RAISE 'cannot do %', x;
	END IF;
	RETURN x * 2;
END $$;
CREATE FUNCTION calls() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := COALESCE(pg_sequence_last_value('input_view.ncalls'), 0);
BEGIN
	ALTER SEQUENCE input_view.ncalls RESTART;
	RETURN n;
END $$;
-- a job of two steps, of which the second reads the first as it is told
CREATE PROCEDURE run(job text, input text = 'SELECT * FROM one', bad int[] = '{}', first text = 'id + 1 AS y',
	on_error text = 'stop', workers int = 1) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('test.bad', bad::text, false);
	PERFORM checkpoint.begin_job(job);
	CALL checkpoint.map('one', 'SELECT * FROM input_view.source', first);
	CALL checkpoint.map('two', input, 'input_view.f(id) AS z', on_error => on_error, workers => workers);
	PERFORM checkpoint.end_job();
END $$;
CREATE VIEW last_steps AS
SELECT step, action, reason, rows_total, rows_kept, rows_computed, rows_output
FROM checkpoint.steps WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs) ORDER BY started_at;
CREATE VIEW inputs AS
SELECT c.job, c.step, c.state, r.relkind, c.input_table
FROM checkpoint.checkpoints c JOIN pg_class r ON r.oid = c.input_table ORDER BY c.checkpoint_id;
-- what a step of the last job has computed
CREATE FUNCTION result(step text) RETURNS TABLE (rows bigint, ids bigint, z bigint, y bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(*), count(DISTINCT sys__id), sum(z), sum(y) FROM %s',
		checkpoint.output($1, job => (SELECT max(job_id) FROM checkpoint.jobs)));
END $$;

-- The same rows as a copy has, under the same identity.
CALL run('view', bad => '{600}', on_error => 'skip');
CALL run('copy', 'SELECT * FROM one WHERE true', '{600}', on_error => 'skip');
SELECT job, relkind, checkpoint.input('two', job => job_id) = input_table AS is_input
FROM inputs JOIN checkpoint.jobs ON job = name ORDER BY job;
SELECT count(DISTINCT input_hash), count(DISTINCT rows_hash), count(DISTINCT input_columns), min(rows_total), max(rows_total)
FROM checkpoint.checkpoint WHERE step = 'two';
SELECT count(*) FROM (TABLE checkpoint_data.view_two_2_input EXCEPT TABLE checkpoint_data.copy_two_3_input) x;
SELECT count(*), min(sys__id), max(sys__id), count(DISTINCT sys__id) FROM checkpoint_data.view_two_2_input;

-- What the views and functions say of it.
SELECT job, step, sys__id, input, message FROM checkpoint.errors ORDER BY job;
SELECT count(*), min(id), max(id) FROM checkpoint.remainder(NULL::checkpoint_data.view_two_2_input);
SELECT count(*), min(id), max(id) FROM checkpoint.remainder(NULL::checkpoint_data.copy_two_3_input);
SELECT count(*), min(n) FROM checkpoint.remaining_ids(2) n;
UPDATE checkpoint_data.view_two_2_input SET id = 0;
DELETE FROM checkpoint_data.view_two_2_input;

-- What is computed stays, and the rest is computed: no row twice.
SELECT calls() > 0;
CALL run('view');
SELECT * FROM last_steps;
SELECT calls();
SELECT * FROM result('two');
SELECT * FROM inputs;
CALL run('copy', 'SELECT * FROM one WHERE true');
SELECT * FROM last_steps;
SELECT calls();
SELECT count(DISTINCT content_hash) FROM checkpoint.checkpoints WHERE step = 'two';

-- The output that it shows may go, even with the job: the input is a table then.
CALL run('gone', bad => '{300}', first => 'id + 2 AS y');
SELECT * FROM inputs;
SELECT calls();
SELECT checkpoint.drop_checkpoint(checkpoint_id) FROM checkpoint.checkpoints WHERE job = 'gone' AND step = 'one';
SELECT * FROM inputs;
SELECT step, state, rows_processed FROM checkpoint.checkpoints WHERE job = 'gone';
SELECT count(*), min(y) FROM checkpoint.remainder(NULL::checkpoint_data.gone_two_5_input);
CALL run('gone', first => 'id + 2 AS y');
SELECT * FROM last_steps;
SELECT calls();
SELECT * FROM result('two');

-- Another one's view depends on it: it stays.
CALL run('held', bad => '{300}', first => 'id + 3 AS y');
CREATE VIEW of_user AS SELECT id FROM checkpoint_data.held_one_7_output;
SELECT checkpoint.drop_checkpoint(7);
DROP VIEW of_user;
CREATE VIEW of_user AS SELECT id FROM checkpoint_data.held_two_8_input;
SELECT checkpoint.drop_checkpoint(7);
DROP VIEW of_user;
SELECT * FROM inputs;
DROP TABLE checkpoint_data.held_one_7_output;
CALL checkpoint.drop_job('held');
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'held%';

-- Several inputs are views of it: it is passed on as long as one is left.
CREATE PROCEDURE run_several(bad int[]) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('test.bad', bad::text, false);
	PERFORM checkpoint.begin_job('several');
	CALL checkpoint.query('q', 'SELECT id, txt, 0 AS y FROM input_view.source');
	FOR i IN 1 .. 3 LOOP
		CALL checkpoint.map('m' || i, 'SELECT * FROM q', format('input_view.f(id) * %s AS z', i), on_error => 'skip');
	END LOOP;
	PERFORM checkpoint.end_job();
END $$;
CALL run_several('{1000}');
SELECT step, relkind FROM inputs WHERE job = 'several';
SELECT checkpoint.drop_checkpoint(checkpoint_id) FROM checkpoint.checkpoints WHERE job = 'several' AND step = 'q';
SELECT step, relkind FROM inputs WHERE job = 'several';
SELECT checkpoint.drop_checkpoint(checkpoint_id) FROM checkpoint.checkpoints WHERE job = 'several' AND step = 'm1';
SELECT step, relkind FROM inputs WHERE job = 'several';
SELECT calls();
CALL run_several('{}');
SELECT * FROM last_steps;
SELECT calls();
SELECT * FROM result('m2');
SELECT * FROM result('m3');
SELECT step, relkind FROM inputs WHERE job = 'several';
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'several%' AND relkind <> 'i' ORDER BY relname;

-- The rows of the step before change: results are carried over from both.
CALL run('changes', bad => '{800}', first => 'id + 4 AS y');
SELECT calls();
UPDATE source SET txt = 'other' WHERE id <= 10;
CALL run('changes', bad => '{900}', first => 'id + 4 AS y');
SELECT step, rows_total, rows_kept, rows_computed FROM last_steps;
SELECT calls();
SELECT step, relkind, input_table FROM inputs WHERE job = 'changes';
DELETE FROM source WHERE id > 990;
CALL run('changes', first => 'id + 4 AS y');
SELECT * FROM last_steps;
SELECT calls();
SELECT * FROM result('two');

-- A row that is given up keeps its values.
CALL run('given', bad => '{7, 8}', first => 'id + 5 AS y', on_error => 'skip');
SELECT relkind FROM inputs WHERE job = 'given';
SELECT checkpoint.give_up(checkpoint_id, sys__id, 'no use') FROM checkpoint.errors WHERE job = 'given' AND input->>'id' = '7';
SELECT job, step, reason FROM checkpoint.given_up;
SELECT calls();
CALL run('given', first => 'id + 5 AS y', on_error => 'skip');
SELECT relkind FROM inputs WHERE job = 'given';
SELECT * FROM inputs WHERE job = 'given';
SELECT id, txt, y FROM checkpoint_data.given_two_22_input;
SELECT * FROM result('two');
SELECT calls();

-- Workers, and calls for several rows.
CREATE FUNCTION f_batch(ids int[]) RETURNS int[] LANGUAGE sql AS
$$ SELECT array_agg(input_view.f(i) ORDER BY n) FROM unnest($1) WITH ORDINALITY u (i, n) $$;
CALL run('workers', bad => '{500}', first => 'id + 6 AS y', on_error => 'skip', workers => 2);
SELECT relkind FROM inputs WHERE job = 'workers';
CALL run('workers', first => 'id + 6 AS y', workers => 2);
SELECT step, action, rows_kept, rows_computed FROM last_steps;
SELECT * FROM result('two');
SELECT checkpoint.begin_job('batch');
CALL checkpoint.map('one', 'SELECT * FROM input_view.source', 'id + 6 AS y');
SELECT set_config('test.bad', '{500}', false);
CALL checkpoint.map('two', 'SELECT * FROM one', 'input_view.f_batch(id) AS z', batch => 10);
SELECT relkind FROM inputs WHERE job = 'batch';
SELECT set_config('test.bad', '{}', false);
CALL checkpoint.map('two', 'SELECT * FROM one', 'input_view.f_batch(id) AS z', batch => 10);
SELECT * FROM result('two');
SELECT checkpoint.end_job();

-- Clients go on with it.
CALL run('clients', bad => '{989}', first => 'id + 7 AS y');
SELECT checkpoint.begin_job('clients');
CALL checkpoint.map('one', 'SELECT * FROM input_view.source', 'id + 7 AS y');
SELECT * FROM checkpoint.open('two', 'map', 'SELECT * FROM one', 'z int');
SELECT checkpoint_id AS c FROM checkpoint.checkpoints WHERE job = 'clients' AND step = 'two' \gset
SELECT sys__id, id, txt, y FROM checkpoint.claim(NULL::checkpoint_data.clients_two_27_input, 2);
SELECT count(*) FROM checkpoint.remainder(NULL::checkpoint_data.clients_two_27_input);
INSERT INTO checkpoint_data.clients_two_27_output (sys__id, z)
SELECT sys__id, 2 * id FROM checkpoint.remainder(NULL::checkpoint_data.clients_two_27_input);
SELECT checkpoint.mark_processed(:c, ARRAY(SELECT checkpoint.remaining_ids(:c)));
SELECT checkpoint.finish(:c);
SELECT * FROM result('two');
SELECT checkpoint.end_job();

-- Its owner drops what it shows, or empties it: the input is lost, and with it the work.
CALL run('lost', bad => '{500}', first => 'id + 8 AS y');
SELECT * FROM inputs WHERE job = 'lost';
DROP TABLE checkpoint_data.lost_one_28_output CASCADE;
SELECT calls() > 0;
CALL run('lost', bad => '{600}', first => 'id + 8 AS y');
SELECT * FROM last_steps;
SELECT calls();
SELECT * FROM inputs WHERE job = 'lost';
ALTER TABLE checkpoint_data.lost_one_30_output DISABLE TRIGGER ALL;
TRUNCATE checkpoint_data.lost_one_30_output;
CALL run('lost', first => 'id + 8 AS y');
SELECT * FROM last_steps;
SELECT * FROM result('two');
-- or alters it: what is left of both is dropped all the same
CALL run('altered', bad => '{500}', first => 'id + 9 AS y');
SELECT format('ALTER TABLE %s ADD COLUMN more int', checkpoint.output('one', job => max(job_id))) FROM checkpoint.jobs WHERE name = 'altered' \gexec
SELECT count(*) FROM checkpoint.remainder(NULL::checkpoint_data.altered_two_35_input);
CALL run('altered', bad => '{600}', first => 'id + 9 AS y');
SELECT calls() > 0;
SELECT job, state, relkind FROM inputs WHERE job = 'altered';
CALL checkpoint.drop_job('altered');
CALL checkpoint.prune();
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'altered%';
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'lost%' AND relkind <> 'i' ORDER BY relname;
-- or has it replaced while it is read
CREATE FUNCTION replaces(id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	input text := (SELECT input_table FROM checkpoint.steps WHERE step = 'two' ORDER BY job_id DESC LIMIT 1);
BEGIN
	IF id = 5 THEN
		EXECUTE format('CREATE OR REPLACE VIEW %s AS %s WHERE id < 9', input, rtrim(pg_get_viewdef(input::regclass), ';'));
	END IF;
	RETURN checkpoint.idempotency_key();
END $$;
SELECT checkpoint.begin_job('replaced');
CALL checkpoint.map('one', 'SELECT * FROM input_view.source', 'id + 10 AS y');
\set VERBOSITY terse
CALL checkpoint.map('two', 'SELECT * FROM one', 'input_view.replaces(id) AS z');
\set VERBOSITY default
CALL checkpoint.drop_job('replaced');
SELECT relname FROM pg_class WHERE relnamespace = 'checkpoint_data'::regnamespace AND relname LIKE 'replaced%';

-- or has it show something else: then nothing is read as if it were the input
CREATE ROLE regress_input_view;
GRANT ALL ON SCHEMA input_view TO regress_input_view;
GRANT SELECT ON source TO regress_input_view;
SET ROLE regress_input_view;
SELECT checkpoint.begin_job('of another');
CALL checkpoint.map('one', 'SELECT * FROM input_view.source', 'id + 11 AS y');
SELECT checkpoint.output('one') AS of_another \gset
SELECT checkpoint.end_job();
RESET ROLE;
\set VERBOSITY terse
CALL run('shows', bad => '{500}', first => 'id + 11 AS y');
\set VERBOSITY default
SELECT input_table AS input, checkpoint.output('one', job => job_id) AS shown FROM checkpoint.steps WHERE job = 'shows' AND step = 'two' \gset
CREATE TABLE own AS TABLE :shown;
CREATE FUNCTION remainder_of(input text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', input, query);
	EXECUTE format('SELECT count(*) || '' rows'' FROM checkpoint.remainder(NULL::%s)', input) INTO said;
	RETURN said;
EXCEPTION
	WHEN object_not_in_prerequisite_state THEN
		GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
		RETURN said;
END $$;
SELECT query, remainder_of(:'input', format(query, :'shown'))
FROM unnest(ARRAY['SELECT * FROM ONLY %s', 'SELECT sys__id, y AS id, txt, id AS y FROM %s', 'SELECT DISTINCT * FROM %s',
	'SELECT * FROM %s LIMIT 700', 'SELECT * FROM %s OFFSET 1', 'SELECT * FROM %s WHERE id <> 501',
	'SELECT * FROM %s UNION ALL SELECT 0, 0, '''', 0']) query;
SELECT remainder_of(:'input', 'SELECT * FROM own');
SELECT remainder_of(:'input', format('SELECT * FROM %s', :'of_another'));
-- What was put in its place stays when the job is dropped.
DROP VIEW :input;
CREATE VIEW :input AS SELECT 1 AS mine;
CALL checkpoint.drop_job('shows');
SELECT * FROM :input;
DROP VIEW :input;
-- In the place of an output, it is none: the checkpoint is lost, and goes.
CALL run('placed', first => 'id + 12 AS y');
SELECT output_table AS placed FROM checkpoint.checkpoints WHERE job = 'placed' AND step = 'two' \gset
DROP TABLE :placed;
CREATE VIEW :placed AS TABLE own;
CALL checkpoint.prune();
SELECT step FROM checkpoint.checkpoints WHERE job = 'placed';
SELECT count(*) FROM :placed;
DROP VIEW :placed;
DROP OWNED BY regress_input_view;
DROP ROLE regress_input_view;

SET client_min_messages = warning;
DROP SCHEMA input_view CASCADE;
