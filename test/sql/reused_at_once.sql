--
-- A step that a finished one serves, and that reads nothing but outputs of other
-- steps, is stored in one transaction, as it has ended; whatever is not as simple
-- is decided and reported as always.
--
SET client_min_messages = warning;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
CREATE ROLE at_once;
RESET client_min_messages;
\set VERBOSITY terse

CREATE SCHEMA at_once;
GRANT ALL ON SCHEMA at_once TO at_once;
SET search_path = at_once;
CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN x * 10; END';
CREATE FUNCTION numbers(n int) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'SELECT generate_series(1, n)';

-- once says of the last job's steps whether the use of what they reuse was stored with
-- them, and whether their times and what they read are on record.
CREATE VIEW once AS
SELECT s.step, s.action, s.reads_steps, s.rows_total, s.rows_kept, s.rows_computed, s.rows_output,
	s.xmin = c.xmin AS used,
	s.started_at <= s.ended_at AND s.started_at > s.ended_at - interval '1 hour' AS timed,
	s.input_hash = c.input_hash AS input, s.derivation IS NOT NULL AS derived
FROM checkpoint.step s JOIN checkpoint.checkpoint c USING (checkpoint_id)
WHERE s.job_id = (SELECT max(job_id) FROM checkpoint.job)
ORDER BY s.step_id;

CREATE FUNCTION steps() RETURNS SETOF text LANGUAGE sql
RETURN unnest(ARRAY[
	'CALL checkpoint.query(''numbers'', ''SELECT x FROM at_once.numbers(5) x'')',
	'CALL checkpoint.map(''m'', input => ''SELECT x FROM numbers'', udf => ''f(x) AS y'')',
	'CALL checkpoint.gen(''g'', input => ''SELECT y FROM m WHERE x < 4'', udf => ''numbers(y / 10) AS z'')',
	'CALL checkpoint.agg(''a'', input => ''SELECT x % 2 AS odd, y FROM m'', partition_by => ''odd'', udf => ''sum(y) AS sum'')',
	'CALL checkpoint.query(''q'', ''SELECT count(*) FROM m JOIN g ON true'')',
	'CALL checkpoint.map(''volatile'', input => ''SELECT x FROM m WHERE random() >= 0'', udf => ''f(x) + 1 AS y'')',
	'CALL checkpoint.check_empty(''none'', ''SELECT FROM m WHERE y IS NULL'')']);

SELECT checkpoint.begin_job('job') \gset
SELECT steps() \gexec
SELECT checkpoint.end_job() \gset
SELECT checkpoint.begin_job('job') \gset
SELECT steps() \gexec
SELECT * FROM once;
SELECT checkpoint.end_job() \gset

-- stored counts how often steps have been inserted and updated.
CREATE VIEW stored AS
SELECT n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relid = 'checkpoint.step'::regclass;
SELECT pg_stat_force_next_flush();
SELECT n_tup_ins AS ins, n_tup_upd AS upd FROM stored \gset
SELECT checkpoint.begin_job('job') \gset
SELECT unnest((array_agg(s))[1:5]) FROM steps() s \gexec
SELECT pg_stat_force_next_flush();
SELECT n_tup_ins - :ins AS inserted, n_tup_upd - :upd AS updated FROM stored;
SELECT checkpoint.end_job() \gset

--
-- A second call is refused, and the job goes on.
--
SELECT checkpoint.begin_job('job') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y', cache_enabled => false);
CALL checkpoint.map('m2', input => 'SELECT x FROM numbers', udf => 'f(x) AS y');
SELECT checkpoint.end_job() \gset

--
-- Changed code, a fresh run, and tables that were touched: as always, and said once.
--
CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN x * 10 + 0; END';
SELECT checkpoint.begin_job('job') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y', on_code_change => 'accept');
SELECT step, reason FROM checkpoint.steps WHERE step = 'm' ORDER BY job_id DESC LIMIT 1;
CALL checkpoint.map('m2', input => 'SELECT x FROM numbers', udf => 'f(x) AS y');
SELECT checkpoint.end_job() \gset
SELECT checkpoint.begin_job('job', fresh => true) \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
SELECT checkpoint.fail_job('not needed') \gset

SELECT checkpoint.begin_job('lost') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(6) x');
SELECT checkpoint.end_job() \gset
SELECT checkpoint.output('numbers', max(job_id)) AS lost FROM checkpoint.jobs WHERE name = 'lost' \gset
SELECT format('DROP TABLE %s CASCADE', :'lost') \gexec
SELECT checkpoint.begin_job('lost') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(6) x');
SELECT checkpoint.end_job() \gset

--
-- A step that has failed goes on in the same job, though nothing is left to do.
--
CREATE FUNCTION fails(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE ''fails''; END';
SELECT checkpoint.begin_job('again') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'fails(x) AS y');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y', cache_version => 'again');
SELECT checkpoint.end_job() \gset
SELECT checkpoint.begin_job('again') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'fails(x) AS y');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y', cache_version => 'again');
SELECT step, action, reads_steps, rows_kept FROM once;
SELECT checkpoint.end_job() \gset
SELECT name, status, error FROM checkpoint.jobs ORDER BY job_id DESC LIMIT 1;

--
-- What replaces nothing cleans up all the same: an unfinished step with the same input
-- goes when a finished one serves it.
--
SELECT checkpoint.begin_job('cleans') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'fails(x) AS y');
SELECT count(*) AS unfinished FROM checkpoint.checkpoints WHERE job = 'cleans' AND state = 'partial';
SELECT checkpoint.begin_job('cleans') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y', cache_version => 'again');
SELECT count(*) AS unfinished FROM checkpoint.checkpoints WHERE job = 'cleans' AND state = 'partial';
-- And so does what was replaced, once nothing depends on it any more.
CALL checkpoint.query('kept', 'SELECT x FROM at_once.numbers(7) x');
SELECT checkpoint.output('kept') AS kept \gset
SELECT checkpoint.end_job() \gset
CREATE VIEW of_user AS SELECT x FROM :kept;
SELECT checkpoint.begin_job('cleans', fresh => true) \gset
CALL checkpoint.query('kept', 'SELECT x FROM at_once.numbers(7) x');
SELECT checkpoint.end_job() \gset
SELECT count(*) AS kept FROM checkpoint.checkpoints WHERE job = 'cleans' AND step = 'kept';
DROP VIEW of_user;
SELECT checkpoint.begin_job('cleans') \gset
CALL checkpoint.query('kept', 'SELECT x FROM at_once.numbers(7) x');
SELECT count(*) AS kept FROM checkpoint.checkpoints WHERE job = 'cleans' AND step = 'kept';
SELECT checkpoint.end_job() \gset

--
-- A step that publishes, that was to be inlined or reads an inlined one, that a probe
-- identifies, or that is opened for clients, has more to do or to say.
--
CREATE FUNCTION more(inlined bool) RETURNS SETOF text LANGUAGE sql
RETURN unnest(ARRAY[
	'CALL checkpoint.query(''numbers'', ''SELECT x FROM at_once.numbers(5) x'')',
	format('CALL checkpoint.map(''probed'', ''SELECT x FROM numbers'', ''f(x) + 2 AS y'', probe => %L)', CASE WHEN inlined THEN 'SELECT 1' END),
	'CALL checkpoint.save(''at_once.saved'', ''SELECT x FROM numbers'')',
	format('CALL checkpoint.map(''inlined'', ''SELECT x FROM numbers'', ''f(x) + 3 AS y'', materialized => %L)', NOT inlined),
	format('CALL checkpoint.map(''not inlined'', ''SELECT x FROM numbers'', ''f(x) + 4 AS y'', materialized => %L, on_error => ''skip'')', NOT inlined),
	'CALL checkpoint.map(''never stored'', ''SELECT x FROM numbers'', ''f(x) + 5 AS y'', materialized => false)',
	'CALL checkpoint.query(''reader'', ''SELECT count(*) FROM "never stored"'')']);
SELECT checkpoint.begin_job('more') \gset
SELECT more(false) \gexec
SELECT checkpoint_id AS cp, output_table FROM checkpoint.open('client', 'map', 'SELECT x FROM numbers', 'y int', code_version => '1') \gset
INSERT INTO :output_table (sys__id, y) SELECT x, x FROM generate_series(1, 5) x;
SELECT checkpoint.mark_processed(:cp, ARRAY[1, 2, 3, 4, 5]) \gset
SELECT checkpoint.finish(:cp) \gset
SELECT checkpoint.end_job() \gset
DROP VIEW saved;
SELECT checkpoint.begin_job('more') \gset
SELECT more(true) \gexec
SELECT state, checkpoint_id = :cp AS same, total, remaining FROM checkpoint.open('client', 'map', 'SELECT x FROM numbers', 'y int', code_version => '1');
SELECT s.step, s.action, t.reads_steps, t.target_name, s.reason
FROM checkpoint.steps s JOIN checkpoint.step t USING (job_id, step)
WHERE job_id = (SELECT max(job_id) FROM checkpoint.jobs) ORDER BY t.step_id;
SELECT checkpoint.end_job() \gset
SELECT count(*) FROM saved;
DROP VIEW saved;

--
-- Each owner has their own, and needs the rights as ever.
--
GRANT SELECT ON once TO at_once;
SET ROLE at_once;
SELECT checkpoint.begin_job('job') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y');
SELECT checkpoint.end_job() \gset
RESET ROLE;
REVOKE EXECUTE ON FUNCTION f(int) FROM PUBLIC;
SET ROLE at_once;
SELECT checkpoint.begin_job('job') \gset
CALL checkpoint.query('numbers', 'SELECT x FROM at_once.numbers(5) x');
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y');
RESET ROLE;
GRANT EXECUTE ON FUNCTION f(int) TO PUBLIC;
SET ROLE at_once;
CALL checkpoint.map('m', input => 'SELECT x FROM numbers', udf => 'f(x) AS y');
SELECT checkpoint.end_job() \gset
RESET ROLE;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA at_once CASCADE;
DROP EXTENSION checkpoint CASCADE;
CREATE EXTENSION checkpoint;
DROP ROLE at_once;
